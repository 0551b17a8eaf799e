using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>From the sums of rows with a weight for each element to their gradients.</summary>
internal static unsafe class RowGradients<T, V, W>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GradientAffine Coefficients(in GroupLayout layout, in BackwardOperands<T> operands, nint row, in Sums sums)
    {
        ref readonly GroupStatistics statistics = ref operands.Statistics[row];
        double product = sums.Product - (statistics.Residue * sums.Sum);
        return Projection.Create<T>(statistics, sums.Sum, product, layout.Unit.Length, operands.IsCentered).Weighted<T>(1);
    }

    /// <summary>Input gradients of one row or four, whose coefficients lie as far apart as their statistics.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Write(in WeightedRows<T> rows, bool areFour, GradientAffine* affines, in Target<T> target)
    {
        T* x = rows.Input, dy = rows.OutputGradient, w = rows.Weight;
        (nint stride, nint step) = (rows.Stride, rows.Step);
        if (areFour && affines[0].IsNarrow && affines[step].IsNarrow && affines[2 * step].IsNarrow && affines[3 * step].IsNarrow)
        {
            Map.RunFour<T, V, WeightedGradientMap<T, V>, V>(
                new(x, dy, w, affines[0]),
                new(x + stride, dy + stride, w, affines[step]),
                new(x + (2 * stride), dy + (2 * stride), w, affines[2 * step]),
                new(x + (3 * stride), dy + (3 * stride), w, affines[3 * step]),
                target,
                stride);
            return;
        }
        for (nint row = 0; row < (areFour ? Map.RowsAtOnce : 1); row++)
        {
            nint offset = row * stride;
            ref readonly GradientAffine affine = ref affines[row * step];
            if (affine.IsNarrow)
                Map.Run<T, V, WeightedGradientMap<T, V>, V>(new(x + offset, dy + offset, w, affine), target.Down(offset));
            else
                Map.Run<T, W, WeightedGradientMap<T, W>, W>(new(x + offset, dy + offset, w, affine), target.Down(offset));
        }
    }

    /// <summary>A parameter's gradient, if it is wanted, gains what was gathered for some of its elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Accumulate(T* gradient, nint offset, double* terms, nint count)
    {
        if (gradient != null)
            Map.Run<T, W, AccumulateMap<T, W>, Nothing>(new(gradient + offset, terms), new(gradient + offset, count, isStreamed: false, ahead: 0));
    }
}
