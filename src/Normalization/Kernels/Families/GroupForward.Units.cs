using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <content>
/// Neighboring units of one slice. The coefficients of four units are one vector, because those of one take as long as a short slice.
/// </content>
internal readonly unsafe partial struct GroupForward<T, V, W, TSource, TEpilogue>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void ApplyUnits(nint first, nint count, T* output)
    {
        T* coefficients = stackalloc T[3 * ShortRows<T, TSource, TEpilogue>.Most];
        uint alone = 0;
        Lanes.Run(new UnitCoefficients(in this, first, coefficients, &alone), 0, count);
        nint stride = _layout->UnitStride, offset = first * stride;
        ShortRows<T, TSource, TEpilogue> units = new(_source.At(offset), _epilogue.At(offset), stride, null, null, coefficients);
        Target<T> target = new(output + offset, _layout->Unit.Length, _isStreamed, _ahead);
        for (nint i = 0, together; i < count; i += together)
        {
            together = alone == 0 ? count : 1;
            if ((alone >> (int)i & 1) != 0)
            {
                ApplyUnit(first + i, _layout->Unit[0], output);
                continue;
            }
            Map.Run<T, V, ShortRows<T, TSource, TEpilogue>, AffineMap<T, V, TSource, TEpilogue>, NoColumn>(
                units, i, together, areFour: false, target, stride);
        }
    }

    private readonly ref struct UnitCoefficients(
        ref readonly GroupForward<T, V, W, TSource, TEpilogue> forward, nint first, T* coefficients, uint* alone)
        : ILaneJob
    {
        private readonly ref readonly GroupForward<T, V, W, TSource, TEpilogue> _forward = ref forward;
        private readonly nint _first = first;
        private readonly T* _coefficients = coefficients;
        private readonly uint* _alone = alone;

        /// <summary>Four units go together where they have neighboring weights, and the same statistics or neighboring ones.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint index) where TLanes : unmanaged, ILanes<TLanes>
        {
            ref readonly GroupLayout layout = ref *_forward._layout;
            ref readonly ForwardOperands<T> operands = ref *_forward._operands;
            nint unit = _first + index, last = unit + TLanes.Count - 1, group = unit / layout.UnitsPerGroup;
            nint channel = unit % layout.CoefficientPeriod, statistic = group % layout.StatisticsPeriod;
            bool areOfOneGroup = last / layout.UnitsPerGroup == group;
            bool areNeighbors = layout.UnitsPerGroup == 1 && statistic + TLanes.Count <= layout.StatisticsPeriod;
            if (channel + TLanes.Count > layout.CoefficientPeriod || !(areOfOneGroup || areNeighbors))
                return false;
            GroupStatistics* own = operands.Statistics + statistic;
            var statistics = areOfOneGroup ? GroupStatistics<TLanes>.Repeat(own) : GroupStatistics<TLanes>.Load(own);
            var affine = Affine<TLanes>.Create<T>(statistics, operands.WeightOf<TLanes>(channel), operands.BiasOf<TLanes>(channel));
            if (!affine.IsNarrow)
            {
                if (TLanes.Count > 1)
                    return false;
                *_alone |= 1u << (int)index;
                return true;
            }
            affine.StoreElements(_coefficients + index, ShortRows<T, TSource, TEpilogue>.Most);
            return true;
        }
    }
}
