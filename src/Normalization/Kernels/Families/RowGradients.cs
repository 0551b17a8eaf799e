using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>From the sums of rows with a weight for each element to their gradients.</summary>
internal static unsafe class RowGradients<T, V, W>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    /// <summary>What weight · dy of a row is taken about.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Pivot(in GroupLayout layout, in BackwardOperands<T> operands, nint row)
    {
        nint width = layout.Unit.Length;
        return operands.IsCentered
            ? OutputPivot.OfProducts(
                operands.OutputGradient + (row * width), operands.Weight + (row % layout.CoefficientPeriod * width), width)
            : 0;
    }

    /// <summary>The coefficients of one row, from the sums over all of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetCoefficients(in WeightedRows<T> row, in SliceSet unit, bool isCentered, Sums* sums) =>
        new RowCoefficients(in row, in unit, isCentered, sums, coefficients: null, wide: null).TryRun<One>(0);

    /// <summary>The input gradients of neighboring rows, from the sums over all of each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Write(
        in WeightedRows<T> rows, nint count, in SliceSet unit, bool isCentered, Sums* sums, in Target<T> target)
    {
        T* coefficients = stackalloc T[NarrowGradientRows<T>.Numbers];
        uint wide = 0;
        Lanes.Run(new RowCoefficients(in rows, in unit, isCentered, sums, coefficients, &wide), 0, count);
        NarrowGradientRows<T> narrow = new(rows.Input, rows.OutputGradient, rows.Weight, rows.Stride, coefficients);
        if (wide == 0)
            WriteNarrow(narrow, 0, count, target);
        else
            WriteApart(rows, narrow, count, wide, target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteNarrow(in NarrowGradientRows<T> rows, nint first, nint count, in Target<T> target) =>
        Map.Run<T, V, NarrowGradientRows<T>, WeightedGradientMap<T, V>, V>(rows, first, count, areFour: true, target, rows.Stride);

    /// <summary>Rows of which some, whose bits are set, are not written from coefficients that are elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void WriteApart(
        in WeightedRows<T> rows, in NarrowGradientRows<T> narrow, nint count, uint wide, in Target<T> target)
    {
        for (nint i = 0; i < count; i++)
        {
            if ((wide >> (int)i & 1) != 0)
                Write(rows.Down(i), 1, target.Down(i * rows.Stride));
            else
                WriteNarrow(narrow, i, 1, target);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static GradientAffine OfDoubles(in WeightedRows<T> row, in SliceSet unit, bool isCentered, in Sums sums)
    {
        if (sums.AreInRange(*row.Statistics, 1) && !sums.AreZero)
        {
            ProjectionSums<One> total = new() { Sum = sums.Sum, Product = sums.Product, Pivot = sums.Pivot, Weight = 1 };
            return Projection.Create<T>(*row.Statistics, total, unit.Length, isCentered).Weighted<T>(1);
        }
        HardGroup group = new()
        {
            Input = (double*)row.Input,
            OutputGradient = (double*)row.OutputGradient,
            Weight = (double*)row.Weight,
            Units = 1,
            Unit = unit,
            IsElementwise = true,
            Statistics = *row.Statistics,
            IsCentered = isCentered,
        };
        return GradientAffine.OfHard(group.Gradient());
    }

    /// <summary>
    /// Σ g and Σ g · x̂ of a row of floats for which sums in float are not enough. What all g have in common would multiply the error
    /// of a mean in float, so the mean is taken in double first.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static Sums SumsInDouble(in WeightedRows<T> row, in SliceSet unit, bool isCentered, ref GroupStatistics statistics)
    {
        if (isCentered && Moments<T, V, W, Plain<T>>.IsNarrow(unit, isCentered, isExact: false))
            Moments<T, V, W, Plain<T>>.RefineMean(new(row.Input), unit, ref statistics);
        TotalSums total = default;
        for (nint i = 0; i < unit.Segments; i++)
        {
            nint offset = unit[i].Offset;
            total.Add(Reduction.Run<T, W, WeightedGradientTerms<T, W>>(
                new(row.Input + offset, row.OutputGradient + offset, row.Weight + offset, statistics.Mean),
                unit[i].Slices, unit[i].Length, unit.Stride));
        }
        Sums sums = total.Value;
        sums.Product = statistics.InverseStandardDeviation * (sums.Product - (statistics.MeanLow * sums.Sum));
        return sums;
    }

    /// <summary>Input gradients of rows, whose coefficients lie as far apart as their statistics.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Write(in WeightedRows<T> rows, nint count, in Target<T> target) =>
        ElementProgram.Run<T, V, W, WeightedGradientProgram<T>>(new(in rows, in target), count);

    /// <summary>Adds what was gathered for some parameters to those of their gradients that are computed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Accumulate(in BackwardOperands<T> operands, nint offset, double* biasTerms, double* weightTerms, nint count)
    {
        Accumulate(operands.BiasGradient, operands.ExpandedBiasGradient, offset, biasTerms, count);
        Accumulate(operands.WeightGradient, operands.ExpandedWeightGradient, offset, weightTerms, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(T* gradient, double* expanded, nint offset, double* terms, nint count)
    {
        if (expanded != null)
        {
            ColumnReduction.AddTo<T, W>(expanded + offset, terms, count);
        }
        else if (gradient != null)
        {
            Map.Run<T, W, AccumulateMap<T, W>, AccumulateMap<T, W>, NoColumn>(
                new(gradient + offset, terms),
                first: 0,
                count: 1,
                areFour: false,
                new(gradient + offset, count, isStreamed: false, ahead: 0),
                stride: 0);
        }
    }

    private readonly ref struct RowCoefficients(
        ref readonly WeightedRows<T> rows, ref readonly SliceSet unit, bool isCentered, Sums* sums, T* coefficients, uint* wide)
        : ILaneJob
    {
        private readonly ref readonly WeightedRows<T> _rows = ref rows;
        private readonly ref readonly SliceSet _unit = ref unit;
        private readonly bool _isCentered = isCentered;
        private readonly Sums* _sums = sums;
        private readonly T* _coefficients = coefficients;
        private readonly uint* _wide = wide;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryRun<TLanes>(nint first) where TLanes : unmanaged, ILanes<TLanes>
        {
            nint step = _rows.Step * first;
            // The statistics of several lanes are neighbors.
            if (TLanes.Count > 1 && (typeof(T) == typeof(double) || _rows.Step != 1))
                return false;
            if (typeof(T) == typeof(double))
            {
                Sums sums = _sums[first] with { Pivot = _rows.Pivots[step] };
                OfDoubles(_rows.Down(first), _unit, _isCentered, sums).Store(_rows.Affines + step);
                return SetWide(first);
            }
            var statistics = GroupStatistics<TLanes>.Load(_rows.Statistics + step);
            nint sizeOfSums = sizeof(Sums) / sizeof(double);
            double* numbers = (double*)(_sums + first);
            TLanes sum = TLanes.Gather(numbers, sizeOfSums), product = TLanes.Gather(numbers + 1, sizeOfSums);
            var samples = ProductSamples<TLanes>.OfRows(
                _rows.OutputGradient + (first * _rows.Stride), _rows.Stride, _rows.Weight, _unit.Length);
            bool isNarrow = NarrowRowGradients.Cover<T>(_unit.Length);
            if (!isNarrow)
                product = statistics.InverseStandardDeviation * (product - (statistics.MeanLow * sum));
            bool hold = samples.HoldInFloats(sum, product);
            bool areExact = !isNarrow && !Moments<T, V, W, Plain<T>>.IsNarrow(_unit, _isCentered, isExact: false);
            bool areSpread = areExact || !_isCentered || samples.AreSpread(sum / (double)_unit.Length);
            if (!areSpread || (isNarrow && !hold))
            {
                if (TLanes.Count > 1)
                    return false;
                Sums sums = SumsInDouble(first, out GroupStatistics refined);
                statistics = GroupStatistics<TLanes>.Load(&refined);
                (sum, product) = (sums.Sum, sums.Product);
                hold = samples.HoldInFloats(sum, product);
            }
            var affine = GradientAffine<TLanes>.OfRow<T>(statistics, sum, product, _unit.Length, _isCentered, mayBeNarrow: hold);
            if (_coefficients != null && affine.IsNarrow)
            {
                affine.StoreElements(_coefficients + first, Thresholds.BatchGroups);
                return true;
            }
            if (TLanes.Count > 1)
                return false;
            affine.Store(_rows.Affines + step);
            return SetWide(first);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private bool SetWide(nint row)
        {
            if (_wide != null)
                *_wide |= 1u << (int)row;
            return true;
        }

        /// <summary>The statistics of the forward pass stay, so that the same call again has the same bits.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private Sums SumsInDouble(nint row, out GroupStatistics refined)
        {
            refined = _rows.Statistics[row * _rows.Step];
            return RowGradients<T, V, W>.SumsInDouble(_rows.Down(row), _unit, _isCentered, ref refined);
        }
    }
}
