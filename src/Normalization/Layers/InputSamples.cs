using System.Numerics;
using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization;

/// <summary>
/// A few elements of an input, by which a backward pass notices that the input has changed since the forward pass. Elements are compared
/// by their bits, so a NaN equals itself. A change that meets none of them stays unnoticed.
/// </summary>
internal static class InputSamples
{
    /// <summary>The most elements that are kept.</summary>
    public const int Count = 1 << CountBits;

    private const int CountBits = 5;

    // Where in its part a sample lies, as a fraction of 2^16. Multiples of the golden ratio do not repeat at the period of rows or
    // channels.
    private const int FractionBits = 16;
    private const int GoldenRatio = 40_503;

    /// <summary>Copies the samples of an input.</summary>
    /// <param name="input">The input.</param>
    /// <param name="samples">Room for <see cref="Count"/> elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Take<T>(ReadOnlySpan<T> input, Span<T> samples) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int count = Math.Min(input.Length, Count);
        for (int i = 0; i < count; i++)
            samples[i] = input[Position(i, input.Length)];
    }

    /// <summary>The position of an element that has other bits than its sample, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int FindChange<T>(ReadOnlySpan<T> input, ReadOnlySpan<T> samples) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int count = Math.Min(input.Length, Count);
        for (int i = 0; i < count; i++)
        {
            int position = Position(i, input.Length);
            if (!Element.HaveSameBits(input[position], samples[i]))
                return position;
        }
        return -1;
    }

    /// <summary>Where a sample lies: one in each of <see cref="Count"/> parts; an input that is not longer is kept whole.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Position(int sample, int length) => length <= Count
        ? sample
        : (int)((length * (((long)sample << FractionBits) | (ushort)(sample * GoldenRatio))) >> (CountBits + FractionBits));
}
