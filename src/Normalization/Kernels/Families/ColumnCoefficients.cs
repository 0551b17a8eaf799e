using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>The coefficients of <see cref="GradientAffine"/>, an array of each; forward has no outer and no center.</summary>
internal readonly unsafe struct ColumnCoefficients(double* memory, nint channels)
{
    // The last vector may be read as a whole.
    public const int Padding = 16;

    /// <summary>How many of them an elementwise pass repeats for each column.</summary>
    public const int Repeated = 7;

    private const int Arrays = Repeated + 1;

    public readonly double* Pivot = memory;
    public readonly double* Inner = memory + channels;
    public readonly double* Shift = memory + (2 * channels);
    public readonly double* Outer = memory + (3 * channels);
    public readonly double* Center = memory + (4 * channels);
    public readonly double* Sign = memory + (5 * channels);
    public readonly double* Least = memory + (6 * channels);
    public readonly Arithmetic* Arithmetic = (Arithmetic*)(memory + (Repeated * channels));

    /// <summary>Forward: what the sums of each channel are taken about, in the places of coefficients that forward does not have.</summary>
    public double* InputPivot => Outer;

    public void KeepInputPivots(nint channel, ReadOnlySpan<double> pivots) => pivots.CopyTo(new(InputPivot + channel, pivots.Length));

    /// <summary>How much memory they take.</summary>
    public static nint Size(nint channels) => (Arrays * channels) + Padding;

    /// <summary>How much memory each of them takes where it is repeated for so many columns.</summary>
    public static nint RoomFor(nint columns) => (columns + Padding) & -Padding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set<TLanes>(nint channel, in Affine<TLanes> affine, Arithmetic arithmetic) where TLanes : unmanaged, ILanes<TLanes>
    {
        TLanes.Store(Pivot + channel, affine.Pivot);
        TLanes.Store(Inner + channel, affine.Scale);
        TLanes.Store(Shift + channel, affine.Shift);
        new Span<Arithmetic>(Arithmetic + channel, TLanes.Count).Fill(arithmetic);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set<TLanes>(nint channel, in GradientAffine<TLanes> affine, Arithmetic arithmetic) where TLanes : unmanaged, ILanes<TLanes>
    {
        TLanes.Store(Pivot + channel, affine.Pivot);
        TLanes.Store(Inner + channel, affine.Inner);
        TLanes.Store(Shift + channel, affine.Shift);
        TLanes.Store(Outer + channel, affine.Outer);
        TLanes.Store(Center + channel, affine.Center);
        new Span<Arithmetic>(Arithmetic + channel, TLanes.Count).Fill(arithmetic);
    }

    /// <summary>What dx takes of a channel whose other coefficients no double holds, in the places of these.</summary>
    public void Set(nint channel, in HardGradient gradient)
    {
        (Center[channel], Shift[channel], Inner[channel], Outer[channel]) =
            (gradient.Mean, gradient.MeanRest, gradient.Slope, gradient.Exponent);
        Arithmetic[channel] = Kernels.Statistics.Arithmetic.Hard;
    }

    public HardGradient HardGradientOf(nint channel) =>
        new() { Exponent = (int)Outer[channel], Mean = Center[channel], MeanRest = Shift[channel], Slope = Inner[channel] };
}
