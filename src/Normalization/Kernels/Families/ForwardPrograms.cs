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

    public bool HasOptional => false;

    public Arithmetic ArithmeticOf(nint item) => _rows.Coefficients->IsNarrow ? Arithmetic.Narrow : Arithmetic.Hard;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasOptional>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasOptional : struct, IFlag =>
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

    public bool HasOptional => _rows.Bias != null;

    public Arithmetic ArithmeticOf(nint item) => _rows.Rows.Coefficients[item].IsNarrow ? Arithmetic.Narrow : Arithmetic.Wide;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasOptional>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasOptional : struct, IFlag =>
        Map.Run<
            T, V, WeightedAffineRows<T, TSource, TEpilogue>, WeightedAffineMap<T, V, TSource, TEpilogue, THasOptional>, WeightAndBias<V>>(
            _rows, first, count, areFour: true, _target, _rows.Rows.Stride);

    public void RunHard<W>(nint item) where W : unmanaged, IWideSimd<W, T> =>
        throw new InvalidOperationException("Rows are narrow or wide.");
}

/// <summary>The same with a scale and a shift behind the weights, which may be missing. Rows that are not narrow go one by one.</summary>
internal readonly unsafe ref struct ModulatedProgram<T, TSource, TEpilogue>(
    ref readonly ModulatedRows<T, TSource, TEpilogue> rows, GroupStatistics* statistics, ref readonly Target<T> target) : IElementProgram<T>
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly ref readonly ModulatedRows<T, TSource, TEpilogue> _rows = ref rows;
    private readonly GroupStatistics* _statistics = statistics;
    private readonly ref readonly Target<T> _target = ref target;

    public bool HasOptional => _rows.Weighted.Weight != null;

    public Arithmetic ArithmeticOf(nint item) => _rows.Weighted.Rows.Coefficients[item].IsNarrow ? Arithmetic.Narrow : Arithmetic.Hard;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run<V, THasOptional>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasOptional : struct, IFlag =>
        Map.Run<
            T, V, ModulatedRows<T, TSource, TEpilogue>, ModulatedAffineMap<T, V, TSource, TEpilogue, THasOptional>, ModulatedColumn<V>>(
            _rows, first, count, areFour: true, _target, _rows.Weighted.Rows.Stride);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void RunHard<W>(nint item) where W : unmanaged, IWideSimd<W, T>
    {
        ref readonly WeightedAffineRows<T, TSource, TEpilogue> weighted = ref _rows.Weighted;
        AffineRows<T, TSource, ModulationEpilogue<T, TEpilogue>, Affine> row = new(
            weighted.Rows.SourceAt(item), new(_rows.Modulation, weighted.Rows.EpilogueAt(item)), weighted.Rows.Stride,
            weighted.Rows.Coefficients + item);
        Target<T> target = _target.Down(item * weighted.Rows.Stride);
        if (weighted.Weight == null)
        {
            new AffineProgram<T, TSource, ModulationEpilogue<T, TEpilogue>>(in row, 1, in _statistics[item], 1, 0, in target).RunHard<W>(0);
            return;
        }
        WeightedAffineRows<T, TSource, ModulationEpilogue<T, TEpilogue>> own = new(row, weighted.Weight, weighted.Bias);
        var program = new WeightedAffineProgram<T, TSource, ModulationEpilogue<T, TEpilogue>>(in own, in target);
        if (weighted.Bias == null)
            program.Run<W, Off>(0, 1);
        else
            program.Run<W, On>(0, 1);
    }
}
