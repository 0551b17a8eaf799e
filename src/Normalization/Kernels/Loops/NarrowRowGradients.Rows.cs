using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <content>What a row is before its sums are taken, and what becomes of the lanes of short rows.</content>
internal static unsafe partial class NarrowRowGradients
{
    private readonly struct ShortSums(float* sums, float* rest, int fours, Sums* rowSums) : ILaneJob
    {
        private readonly float* _sums = sums;
        private readonly float* _rest = rest;
        private readonly int _fours = fours;
        private readonly Sums* _rowSums = rowSums;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint first) where TLanes : unmanaged, ILanes<TLanes>
        {
            nint place = first * 4, products = place + (Thresholds.RowsAtOnce * Lanes), step = sizeof(Sums) / sizeof(double);
            TLanes sum = TLanes.SumsOfFours(_sums + place, _fours), product = TLanes.SumsOfFours(_sums + products, _fours);
            if (_rest != null)
            {
                sum += TLanes.SumsOfFours(_rest + place, _fours);
                product += TLanes.SumsOfFours(_rest + products, _fours);
            }
            double* numbers = (double*)(_rowSums + first);
            TLanes.Scatter(numbers, step, sum);
            TLanes.Scatter(numbers + 1, step, product * InputScale);
            return true;
        }
    }

    /// <summary>The numbers of rows, and how many of them are right.</summary>
    private readonly ref struct RowNumbers<T>(ref readonly WeightedRows<T> rows, T* numbers, int* held) : ILaneJob where T : unmanaged
    {
        private readonly ref readonly WeightedRows<T> _rows = ref rows;
        private readonly T* _numbers = numbers;
        private readonly int* _held = held;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint first) where TLanes : unmanaged, ILanes<TLanes>
        {
            // The statistics of several lanes are neighbors.
            if (TLanes.Count > 1 && _rows.Step != 1)
                return false;
            var statistics = GroupStatistics<TLanes>.Load(_rows.Statistics + (first * _rows.Step));
            if (!Hold(statistics))
                return TLanes.Count == 1;
            TLanes scale = statistics.InverseStandardDeviation * (1 / InputScale);
            TLanes.StoreElements(_numbers + first, statistics.Mean);
            TLanes.StoreElements(_numbers + Thresholds.RowsAtOnce + first, scale);
            TLanes.StoreElements(
                _numbers + (2 * Thresholds.RowsAtOnce) + first, -scale * GradientAffine<TLanes>.OffsetFromPivot<T>(statistics));
            *_held += TLanes.Count;
            return true;
        }
    }

    private readonly struct Row<T, V>
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        private readonly T* _input;
        private readonly T* _outputGradient;
        private readonly V _mean;
        private readonly V _scale;
        private readonly V _shift;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Row(in WeightedRows<T> rows, T* numbers, int index, nint first)
        {
            _input = rows.Input + (index * rows.Stride) + first;
            _outputGradient = rows.OutputGradient + (index * rows.Stride) + first;
            _mean = V.Repeat(numbers + index);
            _scale = V.Repeat(numbers + Thresholds.RowsAtOnce + index);
            _shift = V.Repeat(numbers + (2 * Thresholds.RowsAtOnce) + index);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Prefetch(nint i)
        {
            RawMemory.PrefetchFar(_input + i);
            RawMemory.PrefetchFar(_outputGradient + i);
        }

        /// <summary>Where elements are missing, dy and the weight are zero, and x̂ is finite.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add<TAccess>(
            TAccess access, nint i, V weight, ref V rowSum, ref V rowProduct, ref V columnSum, ref V columnProduct)
            where TAccess : struct, IAccess
        {
            V dy = access.Load<V, T>(_outputGradient + i);
            V normalized = V.FusedMultiplyAdd(access.Load<V, T>(_input + i) - _mean, _scale, _shift);
            V gradient = dy * weight;
            rowSum += gradient;
            rowProduct = V.FusedMultiplyAdd(gradient, normalized, rowProduct);
            columnSum = V.FusedMultiplyAdd(dy, V.Broadcast(1 / GradientScale), columnSum);
            columnProduct = V.FusedMultiplyAdd(dy, normalized, columnProduct);
        }
    }
}
