using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// The sums of neighboring rows, which are channels of one sample, over its valid positions: four rows at a time. Short rows
/// that have a mask are copied first: terms that look at the mask would be too large for the JIT to inline, and short copies stay in
/// the nearest cache.
/// </summary>
internal static unsafe class MaskedRowSums<T, V, W>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private const int Lanes = 16;

    // Half of a common first-level cache, for x and for dy.
    private const nint CopiedBytes = 12 * 1024;

    /// <summary>Σ w · d and Σ w · d² of each row, with d = x - its pivot, which is a float where the sums are narrow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Moments(
        in MaskedOperands<T> operands, nint sample, nint channel, nint rows, bool areNarrow, double* pivots, Sums* results)
    {
        nint s = operands.Plan.S, length = operands.LengthOf(sample);
        T* x = operands.Input + (((sample * operands.Plan.C) + channel) * s);
        T* weights = operands.WeightsOf(sample);
        byte* mask = operands.MaskOf(sample);
        areNarrow &= length >= NarrowReduction.BlockLength;
        if (length <= Thresholds.SegmentLength)
        {
            Moments(x, mask, weights, areNarrow, s, rows, length, pivots, results);
            return;
        }
        for (nint row = 0; row < rows; row++)
        {
            TotalSums total = default;
            for (nint i = 0; i < length; i += Thresholds.SegmentLength)
            {
                Sums part;
                nint count = Math.Min(Thresholds.SegmentLength, length - i);
                Moments(
                    x + (row * s) + i, From(mask, i), From(weights, i), areNarrow, s, 1, count, pivots + row, &part);
                total.Add(part);
            }
            results[row] = total.Value;
        }
    }

    /// <summary>
    /// Σ (dy - its pivot) and Σ (dy - its pivot) · (x - its pivot) of each row, in double where floats are not enough. Any other tensor
    /// may stand in the place of dy.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Gradients(
        in MaskedOperands<T> operands, T* gradient, nint sample, nint channel, nint rows, bool areNarrow, double* pivots,
        double* outputPivots, Sums* results)
    {
        nint s = operands.Plan.S, start = ((sample * operands.Plan.C) + channel) * s, length = operands.LengthOf(sample);
        T* x = operands.Input + start, dy = gradient + start;
        byte* mask = operands.MaskOf(sample);
        // First positions end anywhere, and the rest of a narrow reduction costs more than its blocks save.
        areNarrow &= mask != null;
        if (length <= Thresholds.SegmentLength)
        {
            Gradients(x, dy, mask, areNarrow, s, rows, length, pivots, outputPivots, results);
        }
        else
        {
            for (nint row = 0; row < rows; row++)
            {
                TotalSums total = default;
                for (nint i = 0; i < length; i += Thresholds.SegmentLength)
                {
                    Sums part;
                    nint offset = (row * s) + i, count = Math.Min(Thresholds.SegmentLength, length - i);
                    Gradients(
                        x + offset, dy + offset, From(mask, i), areNarrow, s, 1, count, pivots + row, outputPivots + row, &part);
                    total.Add(part);
                }
                results[row] = total.Value;
            }
        }
        for (nint row = 0; row < rows && areNarrow; row++)
        {
            if (!FloatsHold(dy + (row * s), mask, operands.Samples[sample], results[row]))
                Gradients(operands, gradient, sample, channel + row, 1, false, pivots + row, outputPivots + row, results + row);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TPosition* From<TPosition>(TPosition* positions, nint first) where TPosition : unmanaged =>
        positions == null ? null : positions + first;

    /// <summary>Whether floats hold the products, and no large part of dy is common to all of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool FloatsHold(T* dy, byte* mask, in SampleWeight valid, in Sums sums)
    {
        nint middle = (valid.First + valid.Last) / 2;
        middle = mask[middle] != 0 ? middle : valid.First;
        ProductSamples<One> samples = new(
            Element.ToDouble(dy[valid.First]), Element.ToDouble(dy[middle]), Element.ToDouble(dy[valid.Last]));
        return samples.AreSpread(sums.Sum / valid.Count) && NumericRange.HoldsProducts<One>(Math.Abs(sums.Product));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Moments(
        T* x, byte* mask, T* weights, bool areNarrow, nint s, nint rows, nint length, double* pivots, Sums* results)
    {
        if (mask == null)
        {
            Run<MomentRowTerms<T, V, W>, MomentTerms<T, V, Plain<T>, On>, MomentTerms<T, W, Plain<T>, On>>(
                new(x, s, pivots), areNarrow, rows, length, results);
        }
        else if (!areNarrow && length < NarrowReduction.BlockLength)
        {
            OfCopies(x, mask, weights, s, rows, length, pivots, results);
        }
        else if (weights == null)
        {
            Run<MaskedMomentRowTerms<T, V, W>, MaskedMomentTerms<T, V>, MaskedMomentTerms<T, W>>(
                new(x, mask, s, pivots), areNarrow, rows, length, results);
        }
        else
        {
            Run<WeightedMomentRowTerms<T, V, W>, WeightedMomentTerms<T, V>, WeightedMomentTerms<T, W>>(
                new(x, weights, s, pivots), areNarrow, rows, length, results);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void OfCopies(T* x, byte* mask, T* weights, nint s, nint rows, nint length, double* pivots, Sums* results)
    {
        nint room = Room(length), most = RowsAtOnce(room, rows);
        T* copies = stackalloc T[(int)((most + 1) * room)], padded = copies + (most * room);
        if (weights != null)
        {
            new Span<T>(padded, (int)room).Clear();
            new ReadOnlySpan<T>(weights, (int)length).CopyTo(new(padded, (int)room));
        }
        for (nint first = 0, count; first < rows; first += count)
        {
            count = Math.Min(most, rows - first);
            Copy(x + (first * s), mask, s, pivots + first, count, length, copies, room);
            if (weights == null)
            {
                Run<MomentRowTerms<T, V, W>, MomentTerms<T, V, Plain<T>, On>, MomentTerms<T, W, Plain<T>, On>>(
                    new(copies, room, pivots + first), areNarrow: false, count, room, results + first);
            }
            else
            {
                Run<WeightedMomentRowTerms<T, V, W>, WeightedMomentTerms<T, V>, WeightedMomentTerms<T, W>>(
                    new(copies, padded, room, pivots + first), areNarrow: false, count, room, results + first);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Gradients(
        T* x, T* dy, byte* mask, bool areNarrow, nint s, nint rows, nint length, double* pivots, double* outputPivots, Sums* results)
    {
        if (mask == null)
        {
            Run<GradientRowTerms<T, V, W>, GradientTerms<T, V>, GradientTerms<T, W>>(
                new(x, dy, s, pivots, outputPivots), areNarrow, rows, length, results);
            return;
        }
        if (areNarrow)
        {
            Run<MaskedGradientRowTerms<T, V, W>, MaskedGradientTerms<T, V>, MaskedGradientTerms<T, W>>(
                new(x, dy, mask, s, pivots, outputPivots), areNarrow, rows, length, results);
            return;
        }
        if (length >= NarrowReduction.BlockLength)
        {
            for (nint row = 0; row < rows; row++)
            {
                results[row] = Reduction.Run<T, W, MaskedGradientTerms<T, W>>(
                    new(x + (row * s), dy + (row * s), mask, pivots[row], outputPivots[row]), 1, length, 0);
            }
            return;
        }
        nint room = Room(length), most = RowsAtOnce(room, rows);
        T* copies = stackalloc T[(int)(2 * most * room)], outputCopies = copies + (most * room);
        for (nint first = 0, count; first < rows; first += count)
        {
            count = Math.Min(most, rows - first);
            Copy(x + (first * s), mask, s, pivots + first, count, length, copies, room);
            Copy(dy + (first * s), mask, s, outputPivots + first, count, length, outputCopies, room);
            Run<GradientRowTerms<T, V, W>, GradientTerms<T, V>, GradientTerms<T, W>>(
                new(copies, outputCopies, room, pivots + first, outputPivots + first), areNarrow: false, count, room, results + first);
        }
    }

    // Whole vectors of every width: the last ones of a slice would be calls.
    private static nint Room(nint length) => (length + Lanes - 1) & -Lanes;

    private static nint RowsAtOnce(nint room, nint rows) => Math.Clamp(CopiedBytes / (room * sizeof(T)), 1, rows);

    /// <summary>Copies rows; what is not valid, and the room behind a row, becomes the pivot of the row, whose difference is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Copy(T* x, byte* mask, nint s, double* pivots, nint rows, nint length, T* copies, nint room)
    {
        for (nint row = 0; row < rows && length < room; row++)
        {
            for (nint i = room - Lanes; i < room; i += V.Count)
                V.Store(copies + (row * room) + i, V.Broadcast(pivots[row]));
        }
        Map.Run<T, V, MaskedCopies<T>, MaskedCopyMap<T, V>, V>(
            new(x, mask, s, pivots), 0, rows, areFour: true, new(copies, length, isStreamed: false, 0), room);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Run<TRows, TNarrow, TWide>(TRows terms, bool areNarrow, nint rows, nint length, Sums* results)
        where TRows : struct, IGroupTerms<TNarrow, TWide>
        where TNarrow : struct, ITerms<V>
        where TWide : struct, ITerms<W>
    {
        if (areNarrow)
        {
            NarrowReduction.Run<T, V, W, TRows, TNarrow, TWide, On>(terms, rows, 1, length, 0, ahead: 0, results);
            return;
        }
        nint row = 0;
        for (; row + Thresholds.RowsAtOnce <= rows; row += Thresholds.RowsAtOnce)
        {
            Reduction.RunFour<T, W, TWide>(
                terms.WideAt(row), terms.WideAt(row + 1), terms.WideAt(row + 2), terms.WideAt(row + 3), 1, length, 0, ahead: 0,
                results + row);
        }
        for (; row < rows; row++)
            results[row] = Reduction.Run<T, W, TWide>(terms.WideAt(row), 1, length, 0);
    }
}
