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
    public static void Write(in WeightedRows<T> rows, bool areFour, GradientAffine* affines, in Target<T> target) =>
        ElementProgram.Run<T, V, W, RowProgram>(new(rows, affines, target), areFour ? Map.RowsAtOnce : 1);

    /// <summary>A parameter's gradient, if it is wanted, gains what was gathered for some of its elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Accumulate(T* gradient, nint offset, double* terms, nint count)
    {
        if (gradient != null)
            Map.Run<T, W, AccumulateMap<T, W>, Nothing>(new(gradient + offset, terms), rows: 1, areFour: false, new(gradient + offset, count, isStreamed: false, ahead: 0), stride: 0);
    }
    private readonly struct RowProgram(in WeightedRows<T> rows, GradientAffine* affines, in Target<T> target) : IElementProgram<T>
    {
        private readonly WeightedRows<T> _rows = rows;
        private readonly GradientAffine* _affines = affines;
        private readonly Target<T> _target = target;

        public bool HasBias => false;

        public bool IsNarrow(nint row) => _affines[row * _rows.Step].IsNarrow;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector, THasBias>(nint row, nint count) where TVector : unmanaged, ISimd<TVector, T> where THasBias : struct, IFlag =>
            Map.Run<T, TVector, WeightedGradientMap<T, TVector>, TVector>(
                new(_rows.Down(row), _affines + (row * _rows.Step)), count, areFour: true, _target.Down(row * _rows.Stride), _rows.Stride);
    }
}
