namespace Normalization.Kernels.Statistics;

/// <summary>What an item is computed in.</summary>
internal enum Arithmetic : byte
{
    /// <summary>The element type.</summary>
    Narrow,

    /// <summary>Double, for floats.</summary>
    Wide,

    /// <summary>Numbers with an exponent of their own, where the coefficients leave the range of a double. Rare, and slow.</summary>
    Hard,
}
