using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <content>
/// Short rows: the sums of a batch, then its statistics, then its output, each of four rows at a time. The divisions and roots of four rows
/// are one vector, and those of a batch overlap.
/// </content>
internal readonly unsafe partial struct GroupForward<T, V, W, TSource, TEpilogue>
{
    /// <summary>The statistics of a batch and, unless the output is null, its rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunShort(nint first, nint count, T* output)
    {
        const int Most = Thresholds.BatchGroups;
        double* sums = stackalloc double[3 * Most];
        T* coefficients = stackalloc T[3 * Most];
        uint alone = 0;
        Lanes.Run(new ShortSums(in this, first, sums), 0, count);
        Lanes.Run(new ShortCoefficients(in this, first, sums, coefficients, &alone), 0, count);
        if (output == null)
            return;
        nint width = _layout->Unit.Length, offset = first * width;
        ShortRows<T, TSource, TEpilogue> rows = new(
            _source.At(offset), _epilogue.At(offset), width, _operands->Weight, _operands->Bias, coefficients);
        // The loop of the sums has prefetched what comes next, so that memory and divisions overlap.
        if (alone == 0)
            WriteShort(rows, 0, count, new(output + offset, width, _isStreamed, ahead: 0));
        else
            WriteApart(first, count, output, alone, rows);
    }

    /// <summary>Rows of which some, whose bits are set, are not written from the coefficients.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void WriteApart(nint first, nint count, T* output, uint alone, in ShortRows<T, TSource, TEpilogue> rows)
    {
        Target<T> target = new(output + (first * rows.Stride), rows.Stride, _isStreamed, ahead: 0);
        for (nint i = 0; i < count; i++)
        {
            if ((alone >> (int)i & 1) != 0)
                ApplyRows(first + i, 1, _layout->Unit[0], output);
            else
                WriteShort(rows, i, 1, target);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteShort(in ShortRows<T, TSource, TEpilogue> rows, nint first, nint count, in Target<T> target)
    {
        if (_operands->Bias == null)
            WriteShort<Off>(rows, first, count, target);
        else
            WriteShort<On>(rows, first, count, target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteShort<THasBias>(in ShortRows<T, TSource, TEpilogue> rows, nint first, nint count, in Target<T> target)
        where THasBias : struct, IFlag =>
        Map.Run<T, V, ShortRows<T, TSource, TEpilogue>, WeightedAffineMap<T, V, TSource, TEpilogue, THasBias>, WeightAndBias<V>>(
            rows, first, count, areFour: true, target, rows.Stride);

    /// <summary>One row or four, for one of which floats were not enough.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void FinishAlone(nint row, int rows, double* sums)
    {
        for (int i = 0; i < rows; i++)
        {
            Sums own = new() { Sum = sums[i], Product = sums[rows + i], Pivot = sums[(2 * rows) + i] };
            _operands->Statistics[row + i] = Moments<T, V, W, TSource>.Finish(
                _source.At((row + i) * _layout->GroupStride), _layout->Group, own, _operands->IsCentered, isNarrow: true,
                _operands->Epsilon);
        }
    }

    private readonly ref struct ShortSums(ref readonly GroupForward<T, V, W, TSource, TEpilogue> forward, nint first, double* sums)
        : ILaneJob
    {
        private readonly ref readonly GroupForward<T, V, W, TSource, TEpilogue> _forward = ref forward;
        private readonly nint _first = first;
        private readonly double* _sums = sums;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint index) where TLanes : unmanaged, ILanes<TLanes>
        {
            ref readonly GroupLayout layout = ref *_forward._layout;
            TSource x = _forward._source.At((_first + index) * layout.GroupStride);
            Moments<T, V, W, TSource>.ShortSums<TLanes>(
                x, layout.GroupStride, layout.Group, _forward._operands->IsCentered, _forward._ahead, _sums + (3 * index));
            return true;
        }
    }

    private readonly ref struct ShortCoefficients(
        ref readonly GroupForward<T, V, W, TSource, TEpilogue> forward, nint first, double* sums, T* coefficients, uint* alone)
        : ILaneJob
    {
        private readonly ref readonly GroupForward<T, V, W, TSource, TEpilogue> _forward = ref forward;
        private readonly nint _first = first;
        private readonly double* _sums = sums;
        private readonly T* _coefficients = coefficients;
        private readonly uint* _alone = alone;

        /// <summary>Four rows that are not narrow together are written alone, with the same bits.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint index) where TLanes : unmanaged, ILanes<TLanes>
        {
            ref readonly ForwardOperands<T> operands = ref *_forward._operands;
            bool isDone = Moments<T, V, W, TSource>.TryFinishShort(
                _sums + (3 * index), _forward._layout->Group, operands.IsCentered, operands.Epsilon,
                out GroupStatistics<TLanes> statistics);
            var affine = Affine<TLanes>.Normalizing<T>(statistics);
            isDone &= affine.IsNarrow;
            if (isDone)
            {
                statistics.Store(operands.Statistics + _first + index);
                affine.StoreElements(_coefficients + index, Thresholds.BatchGroups);
                return true;
            }
            _forward.FinishAlone(_first + index, TLanes.Count, _sums + (3 * index));
            *_alone |= ((1u << TLanes.Count) - 1) << (int)index;
            return true;
        }
    }
}
