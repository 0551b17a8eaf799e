using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>n · (scale[i] + offset) + shift[i], with a scale and a shift of each element of some neighboring rows.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct Modulation<T>(T* scale, T* shift, double offset, nint rows) where T : unmanaged
{
    public readonly T* Scale = scale;
    public readonly T* Shift = shift;

    /// <summary>What is added to each scale; without scales, what they are in all.</summary>
    public readonly double Offset = scale == null ? 1 : offset;

    /// <summary>How many rows share a scale and a shift.</summary>
    public readonly nint Rows = rows;

    /// <summary>The same from the element of a row of coefficients on.</summary>
    public Modulation<T> At(nint element) =>
        new(Scale == null ? null : Scale + element, Shift == null ? null : Shift + element, Offset, Rows);
}

/// <summary>Rows with weights, unless they are null, that all rows share, and with a scale and a shift behind these.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ModulatedRows<T, TSource, TEpilogue>(
    in WeightedAffineRows<T, TSource, TEpilogue> weighted, in Modulation<T> modulation)
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    public readonly WeightedAffineRows<T, TSource, TEpilogue> Weighted = weighted;
    public readonly Modulation<T> Modulation = modulation;
}

/// <summary>What modulated rows share at an element.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly struct ModulatedColumn<V>(V weight, V bias, V factor, V shift) where V : unmanaged
{
    public readonly V Weight = weight;
    public readonly V Bias = bias;
    public readonly V Factor = factor;
    public readonly V Shift = shift;
}

/// <summary>n · factor[i] + shift[i], where n = ((x - pivot) · scale + shift) · weight[i] + bias[i], each step rounded.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ModulatedAffineMap<T, V, TSource, TEpilogue, THasWeight>(
    in ModulatedRows<T, TSource, TEpilogue> rows, nint row)
    : IMap<ModulatedAffineMap<T, V, TSource, TEpilogue, THasWeight>, ModulatedRows<T, TSource, TEpilogue>, V, ModulatedColumn<V>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
    where THasWeight : struct, IFlag
{
    private readonly TSource _x = rows.Weighted.Rows.SourceAt(row);
    private readonly TEpilogue _epilogue = rows.Weighted.Rows.EpilogueAt(row);
    private readonly T* _weight = rows.Weighted.Weight;
    private readonly T* _bias = rows.Weighted.Bias;
    private readonly T* _factor = rows.Modulation.Scale;
    private readonly T* _addend = rows.Modulation.Shift;
    private readonly V _offset = V.Broadcast(rows.Modulation.Offset);
    private readonly V _pivot = V.Broadcast(rows.Weighted.Rows.Coefficients[row].Pivot);
    private readonly V _scale = V.Broadcast(rows.Weighted.Rows.Coefficients[row].Scale);
    private readonly V _shift = V.Broadcast(rows.Weighted.Rows.Coefficients[row].Shift);

    public static bool IsLong => TEpilogue.IsLong;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ModulatedAffineMap<T, V, TSource, TEpilogue, THasWeight> Of(
        in ModulatedRows<T, TSource, TEpilogue> rows, nint row) => new(rows, row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ModulatedColumn<V> Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => new(
        THasWeight.Value ? access.Load<V, T>(_weight + i) : default,
        THasWeight.Value && _bias != null ? access.Load<V, T>(_bias + i) : default,
        _factor == null ? _offset : access.Load<V, T>(_factor + i) + _offset,
        _addend == null ? default : access.Load<V, T>(_addend + i));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in ModulatedColumn<V> column, TAccess access) where TAccess : struct, IAccess
    {
        V n = V.FusedMultiplyAdd(_x.Load<V, TAccess>(i, access) - _pivot, _scale, _shift);
        if (THasWeight.Value)
            n = _bias == null ? n * column.Weight : V.FusedMultiplyAdd(n, column.Weight, column.Bias);
        return _epilogue.Apply(i, V.FusedMultiplyAdd(n, column.Factor, column.Shift), access);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _x.Prefetch(i, isFar: true);
}

/// <summary>The same step behind what wide vectors compute, for one row.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ModulationEpilogue<T, TEpilogue>(in Modulation<T> modulation, TEpilogue next)
    : IEpilogue<ModulationEpilogue<T, TEpilogue>, T>
    where T : unmanaged
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly Modulation<T> _modulation = modulation;
    private readonly TEpilogue _next = next;

    public static bool IsLong => true;

    public ModulationEpilogue<T, TEpilogue> At(nint offset) => new(_modulation.At(offset), _next.At(offset));

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public V Apply<V, TAccess>(nint i, V value, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess
    {
        T* values = stackalloc T[Rounded.Room], scales = stackalloc T[Rounded.Room], shifts = stackalloc T[Rounded.Room];
        V.Store(values, value);
        V.Store(scales, _modulation.Scale == null ? default : access.Load<V, T>(_modulation.Scale + i));
        V.Store(shifts, _modulation.Shift == null ? default : access.Load<V, T>(_modulation.Shift + i));
        if (typeof(T) == typeof(float))
            Modulate<Float128, float>((float*)values, (float*)scales, (float*)shifts, V.Count);
        else
            Modulate<Double128<double>, double>((double*)values, (double*)scales, (double*)shifts, V.Count);
        return _next.Apply(i, V.Load(values), access);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Modulate<V, TElement>(TElement* values, TElement* scales, TElement* shifts, nint count)
        where V : unmanaged, ISimd<V, TElement>
        where TElement : unmanaged
    {
        for (nint k = 0; k < count; k += V.Count)
        {
            V factor = V.Load(scales + k) + V.Broadcast(_modulation.Offset);
            V.Store(values + k, V.FusedMultiplyAdd(V.Load(values + k), factor, V.Load(shifts + k)));
        }
    }
}
