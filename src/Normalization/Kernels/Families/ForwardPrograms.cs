using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>Slices, a stride apart, that share their statistics and their coefficients.</summary>
internal readonly unsafe struct AffineProgram<T, TSource, TEpilogue>(
    TSource source, TEpilogue epilogue, nint stride, nint slices,
    GroupStatistics* statistics, double weight, double bias, Affine* affine, in Target<T> target)
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
    private readonly Affine* _affine = affine;
    private readonly Target<T> _target = target;

    public bool HasBias => false;

    public Arithmetic ArithmeticOf(nint item) => _affine->IsNarrow ? Arithmetic.Narrow : Arithmetic.Hard;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasBias>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasBias : struct, IFlag =>
        Map.Run<T, V, AffineRows<T, TSource, TEpilogue, Affine>, AffineMap<T, V, TSource, TEpilogue>, NoColumn>(
            new(_source, _epilogue, _stride, _affine), 0, _slices, areFour: false, _target, _stride);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void RunHard<W>(nint item) where W : unmanaged, IWideSimd<W, T>
    {
        WideAffine affine = new(*_statistics, _weight, _bias);
        Map.Run<T, W, AffineRows<T, TSource, TEpilogue, WideAffine>, WideAffineMap<T, W, TSource, TEpilogue>, NoColumn>(
            new(_source, _epilogue, _stride, &affine), 0, _slices, areFour: false, _target, _stride);
    }
}

/// <summary>Rows, a stride apart, with coefficients of their own and with weights that they share.</summary>
internal readonly unsafe struct WeightedAffineProgram<T, TSource, TEpilogue>(
    in WeightedAffineRows<T, TSource, TEpilogue> rows, nint stride, in Target<T> target) : IElementProgram<T>
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly WeightedAffineRows<T, TSource, TEpilogue> _rows = rows;
    private readonly nint _stride = stride;
    private readonly Target<T> _target = target;

    public bool HasBias => _rows.Bias != null;

    public Arithmetic ArithmeticOf(nint item) => _rows.Rows.Coefficients[item].IsNarrow ? Arithmetic.Narrow : Arithmetic.Wide;

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run<V, THasBias>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasBias : struct, IFlag =>
        Map.Run<
            T, V, WeightedAffineRows<T, TSource, TEpilogue>, WeightedAffineMap<T, V, TSource, TEpilogue, THasBias>, WeightAndBias<V>>(
            _rows, first, count, areFour: true, _target, _stride);

    public void RunHard<W>(nint item) where W : unmanaged, IWideSimd<W, T> =>
        throw new InvalidOperationException("Rows are narrow or wide.");
}
