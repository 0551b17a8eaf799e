using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>Slices, a stride apart, that share their statistics and their coefficients.</summary>
internal readonly unsafe struct AffineProgram<T, TSource, TEpilogue>(
    TSource source, TEpilogue epilogue, nint stride, nint slices,
    GroupStatistics* statistics, double weight, double bias, in Target<T> target)
    : IElementProgram<T>
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly TSource _source = source;
    private readonly TEpilogue _epilogue = epilogue;
    private readonly nint _stride = stride;
    private readonly nint _slices = slices;
    private readonly GroupStatistics* _statistics = statistics;
    private readonly double _weight = weight;
    private readonly double _bias = bias;
    private readonly Affine _affine = Affine.Create<T>(*statistics, weight, bias);
    private readonly Target<T> _target = target;

    public bool HasBias => false;

    public Arithmetic ArithmeticOf(nint item) => _affine.IsNarrow ? Arithmetic.Narrow : Arithmetic.Hard;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasBias>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasBias : struct, IFlag
    {
        Affine affine = _affine;
        Map.Run<T, V, AffineMap<T, V, TSource, TEpilogue>, NoColumn>(
            new(_source, _epilogue, _stride, &affine), _slices, areFour: false, _target, _stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void RunHard<W>(nint item) where W : unmanaged, IWideSimd<W, T>
    {
        WideAffine affine = new(*_statistics, _weight, _bias);
        Map.Run<T, W, WideAffineMap<T, W, TSource, TEpilogue>, NoColumn>(
            new(_source, _epilogue, _stride, &affine), _slices, areFour: false, _target, _stride);
    }
}

/// <summary>Rows, a stride apart, with coefficients of their own and with weights that they share.</summary>
internal readonly unsafe struct WeightedAffineProgram<T, TSource, TEpilogue>(
    TSource source, TEpilogue epilogue, nint stride, T* weight, T* bias, Affine* affines, in Target<T> target) : IElementProgram<T>
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly TSource _source = source;
    private readonly TEpilogue _epilogue = epilogue;
    private readonly nint _stride = stride;
    private readonly T* _weight = weight;
    private readonly T* _bias = bias;
    private readonly Affine* _affines = affines;
    private readonly Target<T> _target = target;

    public bool HasBias => _bias != null;

    public Arithmetic ArithmeticOf(nint item) => _affines[item].IsNarrow ? Arithmetic.Narrow : Arithmetic.Wide;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasBias>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasBias : struct, IFlag =>
        Map.Run<T, V, WeightedAffineMap<T, V, TSource, TEpilogue, THasBias>, WeightAndBias<V>>(
            new(_source.At(first * _stride), _epilogue.At(first * _stride), _stride, _weight, _bias, _affines + first),
            count,
            areFour: true,
            _target.Down(first * _stride),
            _stride);

    public void RunHard<W>(nint item) where W : unmanaged, IWideSimd<W, T> =>
        throw new InvalidOperationException("Rows are narrow or wide.");
}
