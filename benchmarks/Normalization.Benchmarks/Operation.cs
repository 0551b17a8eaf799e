namespace Normalization.Benchmarks;

/// <summary>
/// The parts of an operation's name: [add-]NORM[-add][-relu][-modulate]-DIRECTION. The first add is a residual before the norm, the
/// second one a skip behind it.
/// </summary>
internal readonly record struct Operation(string Norm, string Direction, bool HasResidual, bool HasSkip, bool HasRelu, bool IsModulated)
{
    public bool IsBackward => Direction == "backward";

    /// <summary>Gets a value indicating whether it is more than a norm.</summary>
    public bool IsFused => HasResidual || HasSkip || HasRelu || IsModulated;

    /// <summary>Gets a value indicating whether it takes a second tensor of the input's shape.</summary>
    public bool HasTwoInputs => IsBackward || HasResidual || HasSkip;

    public static Operation Parse(string name)
    {
        string[] parts = name.Split('-');
        bool residual = parts[0] == "add";
        string[] behind = parts[(residual ? 2 : 1)..^1];
        return new(parts[residual ? 1 : 0], parts[^1], residual, behind.Contains("add"), behind.Contains("relu"), behind.Contains("modulate"));
    }
}
