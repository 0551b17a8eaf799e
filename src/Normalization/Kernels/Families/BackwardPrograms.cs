using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>The input gradients of slices, a stride apart, that share their statistics and their weight.</summary>
internal readonly unsafe struct GradientProgram<T>(
    in GradientRows<T> rows, nint slices, GroupStatistics* statistics, double weight, in Target<T> target)
    : IElementProgram<T>
    where T : unmanaged
{
    private readonly GradientRows<T> _rows = rows;
    private readonly nint _slices = slices;
    private readonly GroupStatistics* _statistics = statistics;
    private readonly double _weight = weight;
    private readonly Target<T> _target = target;

    public bool HasBias => false;

    public Arithmetic ArithmeticOf(nint item) => _rows.Affine->Arithmetic;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasBias>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasBias : struct, IFlag =>
        Map.Run<T, V, GradientRows<T>, GradientMap<T, V>, NoColumn>(_rows, 0, _slices, areFour: false, _target, _rows.Stride);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void RunHard<W>(nint item) where W : unmanaged, IWideSimd<W, T>
    {
        double weight = _weight;
        for (nint slice = 0, offset = 0; slice < _slices; slice++, offset += _rows.Stride)
        {
            HardGroup.Write(
                _rows.Affine->Hard, *_statistics, _rows.Input + offset, _rows.OutputGradient + offset, &weight, 0, _target.Down(offset));
        }
    }
}

/// <summary>The input gradients of rows, a stride apart, with weights that they share.</summary>
internal readonly unsafe struct WeightedGradientProgram<T>(in WeightedGradientRows<T> rows, in Target<T> target)
    : IElementProgram<T>
    where T : unmanaged
{
    private readonly WeightedGradientRows<T> _rows = rows;
    private readonly Target<T> _target = target;

    public bool HasBias => false;

    public Arithmetic ArithmeticOf(nint row) => _rows.Affines[row * _rows.Rows.Step].Arithmetic;

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run<V, THasBias>(nint row, nint count) where V : unmanaged, ISimd<V, T> where THasBias : struct, IFlag =>
        Map.Run<T, V, WeightedGradientRows<T>, WeightedGradientMap<T, V>, V>(
            _rows, row, count, areFour: true, _target, _rows.Rows.Stride);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void RunHard<W>(nint row) where W : unmanaged, IWideSimd<W, T>
    {
        WeightedRows<T> rows = _rows.Rows.Down(row);
        HardGroup.Write(
            _rows.Affines[row * rows.Step].Hard,
            *rows.Statistics,
            rows.Input,
            rows.OutputGradient,
            (double*)rows.Weight,
            1,
            _target.Down(row * rows.Stride));
    }
}
