using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>((x - pivot) · scale + shift) · weight[i] + bias[i], the first three of each row; a null bias adds nothing.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct WeightedAffineMap<T, V, TSource, TEpilogue, THasBias>(
    TSource x, TEpilogue epilogue, T* weight, T* bias, V pivot, V scale, V shift)
    : IMap<WeightedAffineMap<T, V, TSource, TEpilogue, THasBias>, WeightedAffineRows<T, TSource, TEpilogue>, V, WeightAndBias<V>>,
        IMap<WeightedAffineMap<T, V, TSource, TEpilogue, THasBias>, ShortRows<T, TSource, TEpilogue>, V, WeightAndBias<V>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
    where THasBias : struct, IFlag
{
    private readonly TSource _x = x;
    private readonly TEpilogue _epilogue = epilogue;
    private readonly T* _weight = weight;
    private readonly T* _bias = bias;
    private readonly V _pivot = pivot;
    private readonly V _scale = scale;
    private readonly V _shift = shift;

    public static bool IsLong => TEpilogue.IsLong;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WeightedAffineMap<T, V, TSource, TEpilogue, THasBias> Of(
        in WeightedAffineRows<T, TSource, TEpilogue> rows, nint row)
    {
        ref Affine affine = ref rows.Rows.Coefficients[row];
        return new(
            rows.Rows.SourceAt(row), rows.Rows.EpilogueAt(row), rows.Weight, rows.Bias,
            V.Broadcast(affine.Pivot), V.Broadcast(affine.Scale), V.Broadcast(affine.Shift));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WeightedAffineMap<T, V, TSource, TEpilogue, THasBias> Of(in ShortRows<T, TSource, TEpilogue> rows, nint row)
    {
        T* own = rows.Coefficients + row;
        return new(
            rows.SourceAt(row), rows.EpilogueAt(row), rows.Weight, rows.Bias,
            V.Repeat(own),
            V.Repeat(own + ShortRows<T, TSource, TEpilogue>.Most),
            V.Repeat(own + (2 * ShortRows<T, TSource, TEpilogue>.Most)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public WeightAndBias<V> Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess =>
        new(access.Load<V, T>(_weight + i), THasBias.Value ? access.Load<V, T>(_bias + i) : default);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in WeightAndBias<V> column, TAccess access) where TAccess : struct, IAccess
    {
        V normalized = V.FusedMultiplyAdd(_x.Load<V, TAccess>(i, access) - _pivot, _scale, _shift);
        V result = THasBias.Value ? V.FusedMultiplyAdd(normalized, column.Weight, column.Bias) : normalized * column.Weight;
        return _epilogue.Apply(i, result, access);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _x.Prefetch(i, isFar: true);
}
