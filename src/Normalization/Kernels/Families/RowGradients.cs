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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GradientAffine Coefficients(in GroupLayout layout, in BackwardOperands<T> operands, nint row, in Sums sums)
    {
        ref readonly GroupStatistics statistics = ref operands.Statistics[row];
        if (typeof(T) == typeof(double))
            return OfDoubles(layout, operands, row, sums with { Pivot = Pivot(layout, operands, row) });
        nint width = layout.Unit.Length;
        double product = statistics.InverseStandardDeviation * (sums.Product - (statistics.MeanLow * sums.Sum));
        ProjectionSums<One> total = new() { Sum = sums.Sum, Product = product, Weight = 1 };
        GradientAffine affine = Projection.Create<T>(statistics, total, width, operands.IsCentered).Weighted<T>(1);
        // Products that cancel each other do not show in the sums, so three products are compared too.
        double largest = OutputPivot.LargestProduct(
            operands.OutputGradient + (row * width), operands.Weight + (row % layout.CoefficientPeriod * width), width);
        return NumericRange.HoldsProducts(Math.Max(Math.Max(Math.Abs(sums.Sum), Math.Abs(product)), largest))
            ? affine
            : affine with { IsNarrow = false };
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static GradientAffine OfDoubles(in GroupLayout layout, in BackwardOperands<T> operands, nint row, in Sums sums)
    {
        ref readonly GroupStatistics statistics = ref operands.Statistics[row];
        nint width = layout.Unit.Length;
        if (sums.AreInRange(statistics, 1) && !sums.AreZero)
        {
            ProjectionSums<One> total = new() { Sum = sums.Sum, Product = sums.Product, Pivot = sums.Pivot, Weight = 1 };
            return Projection.Create<T>(statistics, total, width, operands.IsCentered).Weighted<T>(1);
        }
        HardGroup group = new()
        {
            Input = (double*)(operands.Input + (row * width)),
            OutputGradient = (double*)(operands.OutputGradient + (row * width)),
            Weight = (double*)(operands.Weight + (row % layout.CoefficientPeriod * width)),
            Units = 1,
            Unit = layout.Unit,
            IsElementwise = true,
            Statistics = statistics,
            IsCentered = operands.IsCentered,
        };
        return new() { IsHard = true, Hard = group.Gradient() };
    }

    /// <summary>Input gradients of one row or four, whose coefficients lie as far apart as their statistics.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Write(in WeightedRows<T> rows, bool areFour, GradientAffine* affines, in Target<T> target) =>
        ElementProgram.Run<T, V, W, WeightedGradientProgram<T>>(new(new(rows, affines), target), areFour ? Thresholds.RowsAtOnce : 1);

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
}
