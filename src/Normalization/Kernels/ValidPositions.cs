using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels;

/// <summary>
/// Which positions of each sample count: its first ones, or those with a weight above 0. All positions count where both are empty.
/// </summary>
internal readonly ref struct ValidPositions<T> where T : unmanaged
{
    // Weights whose largest lies between these powers of two stay as they are, because their squares keep their digits.
    private const int LargestExponent = 40;

    /// <summary>How many of its first positions each sample has; empty where there are weights.</summary>
    public ReadOnlySpan<int> Lengths { get; init; }

    /// <summary>[n, s].</summary>
    public ReadOnlySpan<T> Weights { get; init; }

    /// <summary>What the positions of each sample weigh.</summary>
    public ReadOnlySpan<SampleWeight> Samples { get; init; }

    /// <summary>The weights have been multiplied by 2^-this.</summary>
    public int Exponent { get; init; }

    /// <summary>Whether an output is not written at positions that are not valid; if not, it is 0 there.</summary>
    public bool KeepsInvalid { get; init; }

    public bool IsAny => !Samples.IsEmpty;

    /// <summary>Whether all positions of all samples count, and weigh 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public bool AreAll(in Plan plan)
    {
        for (int i = 0; i < Samples.Length; i++)
        {
            if (Samples[i].Count != plan.S || !Samples[i].AreOnes)
                return false;
        }
        return plan.Elements > 0;
    }

    /// <summary>What the valid positions of all samples weigh.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public SampleWeight Total(nint s)
    {
        SampleWeight total = default;
        for (int i = 0; i < Samples.Length; i++)
            total = total.With(Samples[i], i * s);
        return total;
    }

    /// <summary>Some samples.</summary>
    public ValidPositions<T> Part(nint s, nint first, nint count) => this with
    {
        Lengths = Lengths.IsEmpty ? Lengths : Lengths.Slice((int)first, (int)count),
        Weights = Weights.IsEmpty ? Weights : Weights.Slice((int)(first * s), (int)(count * s)),
        Samples = Samples.Slice((int)first, (int)count),
    };

    /// <summary>What the lengths of samples weigh; also, where it is not empty, as weights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fill(ReadOnlySpan<int> lengths, nint s, Span<T> weights, Span<SampleWeight> samples)
    {
        for (int i = 0; i < lengths.Length; i++)
        {
            samples[i] = lengths[i] == 0 ? default : SampleWeight.OfLength(lengths[i]);
            if (weights.IsEmpty)
                continue;
            Span<T> own = weights.Slice((int)(i * s), (int)s);
            own[..lengths[i]].Fill(Element.FromDouble<T>(1));
            own[lengths[i]..].Clear();
        }
    }

    /// <summary>The positions of a mask as weights, and what they weigh.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fill(ReadOnlySpan<bool> mask, nint s, Span<T> weights, Span<SampleWeight> samples)
    {
        for (int sample = 0; sample < samples.Length; sample++)
        {
            ReadOnlySpan<bool> given = mask.Slice((int)(sample * s), (int)s);
            FillOnes(MemoryMarshal.AsBytes(given), weights.Slice((int)(sample * s), (int)s));
            int count = given.Count(true);
            int first = given.IndexOf(true), last = given.LastIndexOf(true);
            samples[sample] = count == 0 ? default : new(count, count, count, first, last, IsPrefix: last == count - 1);
        }
    }

    // Vectors, because a loop over the elements would take a tenth of the time of the whole pass.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FillOnes(ReadOnlySpan<byte> isValid, Span<T> weights)
    {
        int i = 0;
        for (; typeof(T) == typeof(float) && i + Vector128<byte>.Count <= isValid.Length; i += Vector128<byte>.Count)
        {
            // Any byte but 0 stands for true.
            Vector128<byte> ones = Vector128.Min(Vector128.Create(isValid[i..]), Vector128<byte>.One);
            (Vector128<ushort> lower, Vector128<ushort> upper) = Vector128.Widen(ones);
            Store(lower, weights[i..]);
            Store(upper, weights[(i + Vector128<ushort>.Count)..]);
        }
        for (; i < isValid.Length; i++)
            weights[i] = isValid[i] == 0 ? default : Element.FromDouble<T>(1);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Store(Vector128<ushort> ones, Span<T> weights)
        {
            (Vector128<uint> lower, Vector128<uint> upper) = Vector128.Widen(ones);
            Vector128.ConvertToSingle(lower.AsInt32()).As<float, T>().CopyTo(weights);
            Vector128.ConvertToSingle(upper.AsInt32()).As<float, T>().CopyTo(weights[Vector128<float>.Count..]);
        }
    }

    /// <summary>
    /// A copy of the weights, where they are very large or very small times a power of two; and what they weigh. Returns its exponent.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Fill(ReadOnlySpan<T> given, nint s, Span<T> weights, Span<SampleWeight> samples)
    {
        double largest = 0;
        foreach (T weight in given)
            largest = Math.Max(largest, Element.ToDouble(weight));
        int exponent = largest == 0 ? 0 : Math.ILogB(largest);
        if (Math.Abs(exponent) <= LargestExponent)
            exponent = 0;
        given.CopyTo(weights);
        for (int i = 0; i < weights.Length && exponent != 0; i++)
        {
            double weight = Element.ToDouble(given[i]);
            T scaled = Element.FromDouble<T>(Math.ScaleB(weight, -exponent));
            // A position that counts still does.
            weights[i] = weight > 0 && Element.ToDouble(scaled) == 0 ? Smallest : scaled;
        }
        Weigh(s, weights, samples);
        return exponent;
    }

    private static T Smallest => typeof(T) == typeof(float) ? Element.FromDouble<T>(float.Epsilon) : Element.FromDouble<T>(double.Epsilon);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Weigh(nint s, ReadOnlySpan<T> weights, Span<SampleWeight> samples)
    {
        for (int sample = 0; sample < samples.Length; sample++)
        {
            double sum = 0, squares = 0;
            nint count = 0, first = 0, last = 0;
            ReadOnlySpan<T> own = weights.Slice((int)(sample * s), (int)s);
            for (int i = 0; i < own.Length; i++)
            {
                double weight = Element.ToDouble(own[i]);
                if (weight == 0)
                    continue;
                sum += weight;
                squares += weight * weight;
                first = count == 0 ? i : first;
                last = i;
                count++;
            }
            samples[sample] = new(sum, squares, count, first, last);
        }
    }

    /// <summary>Writes 0 at the positions that are not valid.</summary>
    public void ClearInvalid(in Plan plan, Span<T> y) => Visit(plan, default, y, isValid: false);

    /// <summary>Copies the valid positions.</summary>
    public void CopyValid(in Plan plan, ReadOnlySpan<T> source, Span<T> y) => Visit(plan, source, y, isValid: true);

    /// <summary>Goes over neighboring positions that are alike, in all channels of a sample: copies from the source, or clears.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Visit(in Plan plan, ReadOnlySpan<T> source, Span<T> y, bool isValid)
    {
        int s = (int)plan.S, channels = (int)plan.C;
        for (int sample = 0; sample < Samples.Length; sample++)
        {
            for (int start = 0, end; start < s; start = end)
            {
                bool areValid = IsValid(sample, start, s);
                for (end = start + 1; end < s && IsValid(sample, end, s) == areValid; end++)
                {
                }
                if (areValid != isValid)
                    continue;
                // The channels of neighboring positions lie together where they come last, and so do all elements of a sample.
                bool isOne = plan.Order == MemoryOrder.ChannelsLast || end - start == s;
                for (int channel = 0; channel < (isOne ? 1 : channels); channel++)
                {
                    int offset = isOne ? ((sample * s) + start) * channels : (((sample * channels) + channel) * s) + start;
                    int length = isOne ? (end - start) * channels : end - start;
                    if (isValid)
                        source.Slice(offset, length).CopyTo(y.Slice(offset, length));
                    else
                        y.Slice(offset, length).Clear();
                }
            }
        }
    }

    private bool IsValid(int sample, int position, int s) => Weights.IsEmpty
        ? position < Lengths[sample]
        : Element.ToDouble(Weights[(sample * s) + position]) > 0;
}
