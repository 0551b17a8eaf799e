namespace Normalization.Kernels.Statistics;

/// <summary>What the valid positions of one sample, or of several, weigh.</summary>
/// <param name="Sum">Σ w.</param>
/// <param name="Squares">Σ w².</param>
/// <param name="Count">How many positions have a weight above 0.</param>
/// <param name="First">The first of them.</param>
/// <param name="Last">The last of them.</param>
/// <param name="IsPrefix">Whether these are the first positions of one sample, and given as such or by a mask.</param>
internal readonly record struct SampleWeight(double Sum, double Squares, nint Count, nint First, nint Last, bool IsPrefix = false)
{
    /// <summary>
    /// How many elements of equal weight the variance is as good as (Kish): σ² · n / (n - 1) is unbiased. It is the number of elements
    /// where all weigh the same, and 0 where there are none.
    /// </summary>
    public double Effective => Sum > 0 ? Sum * Sum / Squares : 0;

    /// <summary>Whether all weights above 0 are 1: then Σ (w - 1)² is 0.</summary>
    public bool AreOnes => Sum == Count && Squares == Count;

    /// <summary>The first positions of a sample, which weigh 1.</summary>
    public static SampleWeight OfLength(int length) => new(length, length, length, 0, length - 1, IsPrefix: true);

    /// <summary>The same in so many channels.</summary>
    public SampleWeight In(nint channels) => this with { Sum = Sum * channels, Squares = Squares * channels, Count = Count * channels };

    /// <summary>These and the positions that follow <paramref name="offset"/> positions later.</summary>
    public SampleWeight With(in SampleWeight next, nint offset) =>
        next.Count == 0 ? this
        : new(
            Sum + next.Sum, Squares + next.Squares, Count + next.Count, Count == 0 ? offset + next.First : First, offset + next.Last);
}
