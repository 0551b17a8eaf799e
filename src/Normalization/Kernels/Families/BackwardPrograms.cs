using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// The input gradients of slices, a stride apart, that share their statistics. The weights lie as far apart as the affines.
/// </summary>
internal readonly unsafe ref struct GradientProgram<T>(
    ref readonly GradientRows<T> rows, ref readonly GroupStatistics statistics, double* weights, ref readonly Target<T> target)
    : IElementProgram<T>
    where T : unmanaged
{
    private readonly ref readonly GradientRows<T> _rows = ref rows;
    private readonly ref readonly GroupStatistics _statistics = ref statistics;
    private readonly double* _weights = weights;
    private readonly ref readonly Target<T> _target = ref target;

    public bool HasOptional => false;

    public Arithmetic ArithmeticOf(nint row) => _rows.Affines[row * _rows.Step].Arithmetic;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasOptional>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasOptional : struct, IFlag =>
        Map.Run<T, V, GradientRows<T>, GradientMap<T, V>, NoColumn>(_rows, first, count, areFour: false, _target, _rows.Stride);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void RunHard<W>(nint row) where W : unmanaged, IWideSimd<W, T>
    {
        nint own = row * _rows.Step, offset = row * _rows.Stride;
        HardGroup.Write(
            _rows.Affines[own].Hard, _statistics, _rows.Input + offset, _rows.OutputGradient + offset, _weights + own, 0,
            _target.Down(offset));
    }
}

/// <summary>The same behind ReLU. Floats are never hard.</summary>
internal readonly unsafe ref struct ReluGradientProgram<T>(ref readonly ReluGradientRows<T> rows, ref readonly Target<T> target)
    : IElementProgram<T>
    where T : unmanaged
{
    private readonly ref readonly ReluGradientRows<T> _rows = ref rows;
    private readonly ref readonly Target<T> _target = ref target;

    public bool HasOptional => false;

    public Arithmetic ArithmeticOf(nint row) => _rows.Rows.Affines[row * _rows.Rows.Step].Arithmetic;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasOptional>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasOptional : struct, IFlag =>
        Map.Run<T, V, ReluGradientRows<T>, ReluGradientMap<T, V>, NoColumn>(
            _rows, first, count, areFour: false, _target, _rows.Rows.Stride);

    public void RunHard<W>(nint row) where W : unmanaged, IWideSimd<W, T> =>
        throw new InvalidOperationException("Floats are narrow or wide.");
}

/// <summary>The input gradients of rows, a stride apart, with weights that they share.</summary>
internal readonly unsafe ref struct WeightedGradientProgram<T>(ref readonly WeightedRows<T> rows, ref readonly Target<T> target)
    : IElementProgram<T>
    where T : unmanaged
{
    private readonly ref readonly WeightedRows<T> _rows = ref rows;
    private readonly ref readonly Target<T> _target = ref target;

    public bool HasOptional => false;

    public Arithmetic ArithmeticOf(nint row) => _rows.Affines[row * _rows.Step].Arithmetic;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasOptional>(nint row, nint count) where V : unmanaged, ISimd<V, T> where THasOptional : struct, IFlag =>
        Map.Run<T, V, WeightedRows<T>, WeightedGradientMap<T, V>, V>(_rows, row, count, areFour: true, _target, _rows.Stride);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void RunHard<W>(nint row) where W : unmanaged, IWideSimd<W, T>
    {
        WeightedRows<T> rows = _rows.Down(row);
        HardGroup.Write(
            rows.Affines->Hard,
            *rows.Statistics,
            rows.Input,
            rows.OutputGradient,
            (double*)rows.Weight,
            1,
            _target.Down(row * rows.Stride));
    }
}
