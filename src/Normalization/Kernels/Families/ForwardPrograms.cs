using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>Slices, a stride apart, that share their statistics and their coefficients.</summary>
internal readonly unsafe ref struct AffineProgram<T, TSource, TEpilogue>(
    ref readonly AffineRows<T, TSource, TEpilogue, Affine> rows, nint slices,
    ref readonly GroupStatistics statistics, double weight, double bias, ref readonly Target<T> target)
    : IElementProgram<T>
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly ref readonly AffineRows<T, TSource, TEpilogue, Affine> _rows = ref rows;
    private readonly nint _slices = slices;
    private readonly ref readonly GroupStatistics _statistics = ref statistics;
    private readonly double _weight = weight;
    private readonly double _bias = bias;
    private readonly ref readonly Target<T> _target = ref target;

    public bool HasBias => false;

    public Arithmetic ArithmeticOf(nint item) => _rows.Coefficients->IsNarrow ? Arithmetic.Narrow : Arithmetic.Hard;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasBias>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasBias : struct, IFlag =>
        Map.Run<T, V, AffineRows<T, TSource, TEpilogue, Affine>, AffineMap<T, V, TSource, TEpilogue>, NoColumn>(
            _rows, 0, _slices, areFour: false, _target, _rows.Stride);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void RunHard<W>(nint item) where W : unmanaged, IWideSimd<W, T>
    {
        WideAffine affine = new(_statistics, _weight, _bias);
        Map.Run<T, W, AffineRows<T, TSource, TEpilogue, WideAffine>, WideAffineMap<T, W, TSource, TEpilogue>, NoColumn>(
            new(_rows.SourceAt(0), _rows.EpilogueAt(0), _rows.Stride, &affine), 0, _slices, areFour: false, _target, _rows.Stride);
    }
}

/// <summary>Rows, a stride apart, with coefficients of their own and with weights that they share.</summary>
internal readonly unsafe ref struct WeightedAffineProgram<T, TSource, TEpilogue>(
    ref readonly WeightedAffineRows<T, TSource, TEpilogue> rows, ref readonly Target<T> target) : IElementProgram<T>
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly ref readonly WeightedAffineRows<T, TSource, TEpilogue> _rows = ref rows;
    private readonly ref readonly Target<T> _target = ref target;

    public bool HasBias => _rows.Bias != null;

    public Arithmetic ArithmeticOf(nint item) => _rows.Rows.Coefficients[item].IsNarrow ? Arithmetic.Narrow : Arithmetic.Wide;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasBias>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasBias : struct, IFlag =>
        Map.Run<
            T, V, WeightedAffineRows<T, TSource, TEpilogue>, WeightedAffineMap<T, V, TSource, TEpilogue, THasBias>, WeightAndBias<V>>(
            _rows, first, count, areFour: true, _target, _rows.Rows.Stride);

    public void RunHard<W>(nint item) where W : unmanaged, IWideSimd<W, T> =>
        throw new InvalidOperationException("Rows are narrow or wide.");
}
