using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>The input gradients of slices, a stride apart, that share their statistics and their weight.</summary>
internal readonly unsafe struct GradientProgram<T>(
    T* x, T* dy, nint stride, nint slices, in GradientAffine affine, in GroupStatistics statistics, double weight, in Target<T> target)
    : IElementProgram<T>
    where T : unmanaged
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly nint _stride = stride;
    private readonly nint _slices = slices;
    private readonly GradientAffine _affine = affine;
    private readonly GroupStatistics _statistics = statistics;
    private readonly double _weight = weight;
    private readonly Target<T> _target = target;

    public bool HasBias => false;

    public Arithmetic ArithmeticOf(nint item) => _affine.Arithmetic;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasBias>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasBias : struct, IFlag
    {
        GradientAffine affine = _affine;
        Map.Run<T, V, GradientMap<T, V>, NoColumn>(new(_x, _dy, _stride, &affine), _slices, areFour: false, _target, _stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void RunHard<W>(nint item) where W : unmanaged, IWideSimd<W, T>
    {
        double weight = _weight;
        for (nint slice = 0; slice < _slices; slice++)
        {
            HardGroup.Write(
                _affine.Hard, _statistics, _x + (slice * _stride), _dy + (slice * _stride), &weight, 0, _target.Down(slice * _stride));
        }
    }
}

/// <summary>The input gradients of rows, a stride apart, with weights that they share.</summary>
internal readonly unsafe struct WeightedGradientProgram<T>(in WeightedRows<T> rows, GradientAffine* affines, in Target<T> target)
    : IElementProgram<T>
    where T : unmanaged
{
    private readonly WeightedRows<T> _rows = rows;
    private readonly GradientAffine* _affines = affines;
    private readonly Target<T> _target = target;

    public bool HasBias => false;

    public Arithmetic ArithmeticOf(nint row) => _affines[row * _rows.Step].Arithmetic;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasBias>(nint row, nint count) where V : unmanaged, ISimd<V, T> where THasBias : struct, IFlag =>
        Map.Run<T, V, WeightedGradientMap<T, V>, V>(
            new(_rows.Down(row), _affines + (row * _rows.Step)), count, areFour: true, _target.Down(row * _rows.Stride), _rows.Stride);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void RunHard<W>(nint row) where W : unmanaged, IWideSimd<W, T>
    {
        WeightedRows<T> rows = _rows.Down(row);
        HardGroup.Write(
            _affines[row * rows.Step].Hard,
            *rows.Statistics,
            rows.Input,
            rows.OutputGradient,
            (double*)rows.Weight,
            1,
            _target.Down(row * rows.Stride));
    }
}
