using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels;

/// <summary>
/// From what a caller says of positions to masks, which the kernels read, and to what the positions of each sample weigh. The byte of a
/// mask is 255 where a position counts, and 0 elsewhere.
/// </summary>
internal static class PositionMask
{
    /// <summary>Masks are read as whole vectors, so that so many bytes of their memory follow them.</summary>
    public const int Padding = 16;

    // Weights whose largest lies between these powers of two stay as they are, because their squares keep their digits.
    private const int LargestExponent = 40;

    /// <summary>The index of the first weight that is below 0 or not finite, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static int IndexOfInvalid<T>(ReadOnlySpan<T> weights) where T : unmanaged
    {
        int i = 0;
        Vector<T> largest = new(Element.FromDouble<T>(typeof(T) == typeof(float) ? float.MaxValue : double.MaxValue));
        for (; i + Vector<T>.Count <= weights.Length; i += Vector<T>.Count)
        {
            Vector<T> some = new(weights[i..]);
            if (!Vector.GreaterThanOrEqualAll(some, Vector<T>.Zero) || !Vector.LessThanOrEqualAll(some, largest))
                break;
        }
        for (; i < weights.Length; i++)
        {
            double weight = Element.ToDouble(weights[i]);
            if (!(weight >= 0 && double.IsFinite(weight)))
                return i;
        }
        return -1;
    }

    /// <summary>The first positions, as a mask too where there is memory for it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void FromLengths(ReadOnlySpan<int> lengths, nint s, Span<byte> mask, Span<SampleWeight> samples)
    {
        for (int i = 0; i < lengths.Length; i++)
        {
            samples[i] = lengths[i] == 0 ? default : SampleWeight.OfLength(lengths[i]);
            if (mask.IsEmpty)
                continue;
            Span<byte> own = mask.Slice((int)(i * s), (int)s);
            own[..lengths[i]].Fill(byte.MaxValue);
            own[lengths[i]..].Clear();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void FromBooleans(ReadOnlySpan<bool> given, nint s, Span<byte> mask, Span<SampleWeight> samples)
    {
        // Any byte but 0 stands for true.
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(given);
        int i = 0;
        for (; i + Vector<byte>.Count <= bytes.Length; i += Vector<byte>.Count)
            Vector.GreaterThan(new(bytes[i..]), Vector<byte>.Zero).CopyTo(mask[i..]);
        for (; i < bytes.Length; i++)
            mask[i] = bytes[i] == 0 ? (byte)0 : byte.MaxValue;
        for (int sample = 0; sample < samples.Length; sample++)
        {
            ReadOnlySpan<byte> own = mask.Slice((int)(sample * s), (int)s);
            int count = own.Count(byte.MaxValue), first = own.IndexOf(byte.MaxValue), last = own.LastIndexOf(byte.MaxValue);
            samples[sample] = count == 0 ? default : new(count, count, count, first, last, IsPrefix: last == count - 1);
        }
    }

    /// <summary>
    /// A copy of the weights, where they are very large or very small times a power of two; the mask of those above 0; and what they
    /// weigh. Returns the exponent.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static int FromWeights<T>(ReadOnlySpan<T> given, nint s, Span<byte> mask, Span<T> weights, Span<SampleWeight> samples)
        where T : unmanaged
    {
        double largest = 0;
        for (int i = 0; i < given.Length; i++)
        {
            double weight = Element.ToDouble(given[i]);
            // -1 as a byte is 255. A branch would be mispredicted.
            mask[i] = (byte)-Unsafe.BitCast<bool, byte>(weight > 0);
            if (weight > largest)
                largest = weight;
        }
        int exponent = largest == 0 ? 0 : Math.ILogB(largest);
        if (Math.Abs(exponent) <= LargestExponent)
            exponent = 0;
        given.CopyTo(weights);
        for (int i = 0; i < weights.Length && exponent != 0; i++)
        {
            T scaled = Element.FromDouble<T>(Math.ScaleB(Element.ToDouble(given[i]), -exponent));
            // A position that counts still does.
            weights[i] = mask[i] != 0 && Element.ToDouble(scaled) == 0 ? Smallest<T>() : scaled;
        }
        for (int sample = 0; sample < samples.Length; sample++)
            samples[sample] = Weigh<T>(mask.Slice((int)(sample * s), (int)s), weights.Slice((int)(sample * s), (int)s));
        return exponent;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static SampleWeight Weigh<T>(ReadOnlySpan<byte> mask, ReadOnlySpan<T> weights) where T : unmanaged
    {
        int count = mask.Count(byte.MaxValue);
        if (count == 0)
            return default;
        int first = mask.IndexOf(byte.MaxValue), last = mask.LastIndexOf(byte.MaxValue);
        double sum = 0, squares = 0;
        for (int i = first; i <= last; i++)
        {
            double weight = Element.ToDouble(weights[i]);
            sum += weight;
            squares += weight * weight;
        }
        return new(sum, squares, count, first, last);
    }

    private static T Smallest<T>() where T : unmanaged => typeof(T) == typeof(float)
        ? Element.FromDouble<T>(float.Epsilon)
        : Element.FromDouble<T>(double.Epsilon);
}
