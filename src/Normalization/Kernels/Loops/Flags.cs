namespace Normalization.Kernels.Loops;

/// <summary>A choice made when a kernel is compiled.</summary>
internal interface IFlag
{
    static abstract bool Value { get; }
}

internal readonly struct On : IFlag
{
    public static bool Value => true;
}

internal readonly struct Off : IFlag
{
    public static bool Value => false;
}
