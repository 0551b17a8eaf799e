namespace Normalization.Kernels.Plans;

/// <summary>
/// Neighboring channels at one position, whose squares divide an element: s = k + α / size · Σ x² over the channels from
/// <see cref="Before"/> before the element's own channel to <see cref="After"/> behind it, and y = x / s^β.
/// </summary>
internal readonly record struct ChannelWindow(int Size, int Before, double Alpha, double Beta, double K)
{
    private const int MostNarrow = 8;
    private const double LargestNarrow = 1 << 20;

    public int After => Size - 1 - Before;

    /// <summary>What a square is multiplied by; channels that do not exist count as zeros.</summary>
    public double Scale => Alpha / Size;

    /// <summary>
    /// Whether floats are enough where no square is large: s is far from both ends of the range, and a sum of few squares keeps its digits.
    /// </summary>
    public bool IsNarrow => Size <= MostNarrow && K is >= 1 / LargestNarrow and <= LargestNarrow && Scale <= LargestNarrow;
}
