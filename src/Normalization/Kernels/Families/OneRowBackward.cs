using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// Backward over one row with weights on this thread: the loops of <see cref="RowBackward{T, V, W, TParts}"/> without its choices. Where
/// the sums are taken in float, the terms of the parameters' gradients go to these gradients at once.
/// </summary>
internal static unsafe class OneRowBackward<T, V, W>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    // Vectors of sums are read and written as a whole.
    private const int Room = 16;

    /// <summary>Whether a row is short, or can be summed in float. Other rows need memory for sums of their columns.</summary>
    public static bool Covers(nint width, in BackwardOperands<T> operands) =>
        typeof(T) == typeof(float) && (!NarrowRowGradients.Cover<T>(width) || NarrowRowGradients.Hold(*operands.Statistics));

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run(nint width, in BackwardOperands<T> operands)
    {
        GradientAffine affine;
        Sums sums;
        WeightedRows<T> row = new(
            operands.Input, operands.OutputGradient, operands.Weight, width, operands.Statistics, pivots: null, &affine, step: 1);
        if (NarrowRowGradients.Cover<T>(width))
            AddUp(row, width, operands, &sums);
        else
            AddUpShort(row, width, operands, &sums);
        SliceSet unit = new(1, width, width);
        Target<T> target = new(operands.InputGradient, width, isStreamed: false, ahead: 0);
        RowGradients<T, V, W>.Write(row, 1, unit, operands.IsCentered, &sums, target);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddUp(in WeightedRows<T> row, nint width, in BackwardOperands<T> operands, Sums* sums)
    {
        T* numbers = stackalloc T[NarrowRowGradients.Numbers];
        NarrowRowGradients.TryScale(row, areFour: false, numbers);
        T* bias = operands.BiasGradient, weight = operands.WeightGradient;
        TotalSums total = default;
        for (nint column = 0, columns; column < width; column += columns)
        {
            columns = Math.Min(Thresholds.RowTile, width - column);
            NarrowRowGradients.Gradients<T, V> gradients =
                new(bias == null ? null : bias + column, weight == null ? null : weight + column);
            NarrowRowGradients.Run<T, V, W, NarrowRowGradients.Gradients<T, V>>(row, 1, numbers, column, columns, 0, sums, gradients);
            total.Add(*sums);
        }
        if (width > Thresholds.RowTile)
            *sums = total.Value;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddUpShort(in WeightedRows<T> row, nint width, in BackwardOperands<T> operands, Sums* sums)
    {
        nint padded = width + Room;
        double* terms = stackalloc double[2 * (int)padded];
        new Span<double>(terms, 2 * (int)padded).Clear();
        ParameterSums<T> columns = new(terms, terms + padded, null, null);
        RowGradientReduction.Run<T, V, W>(row, areFour: false, isNarrow: false, width, ahead: 0, sums, columns);
        RowGradients<T, V, W>.Accumulate(operands, 0, columns.Sums, columns.Products, width);
    }
}
