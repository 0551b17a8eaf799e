using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>(x - pivot) · scale + shift, the same three numbers for every element.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct AffineMap<T, V, TSource, TEpilogue>(TSource x, TEpilogue epilogue, V pivot, V scale, V shift)
    : IMap<AffineMap<T, V, TSource, TEpilogue>, AffineRows<T, TSource, TEpilogue, Affine>, V, NoColumn>,
        IMap<AffineMap<T, V, TSource, TEpilogue>, ShortRows<T, TSource, TEpilogue>, V, NoColumn>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly TSource _x = x;
    private readonly TEpilogue _epilogue = epilogue;
    private readonly V _pivot = pivot;
    private readonly V _scale = scale;
    private readonly V _shift = shift;

    public static bool IsLong => TEpilogue.IsLong;

    /// <summary>All rows have the same coefficients.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AffineMap<T, V, TSource, TEpilogue> Of(in AffineRows<T, TSource, TEpilogue, Affine> rows, nint row)
    {
        ref Affine affine = ref *rows.Coefficients;
        return new(
            rows.SourceAt(row), rows.EpilogueAt(row), V.Broadcast(affine.Pivot), V.Broadcast(affine.Scale), V.Broadcast(affine.Shift));
    }

    /// <summary>Each row has coefficients of its own, and no weights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AffineMap<T, V, TSource, TEpilogue> Of(in ShortRows<T, TSource, TEpilogue> rows, nint row)
    {
        const int Step = ShortRows<T, TSource, TEpilogue>.Most;
        T* own = rows.Coefficients + row;
        return new(rows.SourceAt(row), rows.EpilogueAt(row), V.Repeat(own), V.Repeat(own + Step), V.Repeat(own + (2 * Step)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess =>
        _epilogue.Apply(i, V.FusedMultiplyAdd(_x.Load<V, TAccess>(i, access) - _pivot, _scale, _shift), access);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _x.Prefetch(i, isFar: false);
}

/// <summary>(x - pivot[i]) · scale[i] + shift[i], with the coefficients in the compute type of the vector.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ColumnAffineMap<T, V, TSource, TEpilogue>(
    TSource x, TEpilogue epilogue, nint stride, void* pivot, void* scale, void* shift)
    : IMap<ColumnAffineMap<T, V, TSource, TEpilogue>, ColumnAffineMap<T, V, TSource, TEpilogue>, V, ColumnAffine<V>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly TSource _x = x;
    private readonly TEpilogue _epilogue = epilogue;
    private readonly nint _stride = stride;
    private readonly void* _pivot = pivot;
    private readonly void* _scale = scale;
    private readonly void* _shift = shift;

    public static bool IsLong => TEpilogue.IsLong;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ColumnAffineMap<T, V, TSource, TEpilogue> Of(in ColumnAffineMap<T, V, TSource, TEpilogue> first, nint row) =>
        new(
            first._x.At(row * first._stride), first._epilogue.At(row * first._stride), first._stride,
            first._pivot, first._scale, first._shift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ColumnAffine<V> Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess =>
        new(V.LoadCoefficients(_pivot, i), V.LoadCoefficients(_scale, i), V.LoadCoefficients(_shift, i));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in ColumnAffine<V> column, TAccess access) where TAccess : struct, IAccess =>
        _epilogue.Apply(i, V.FusedMultiplyAdd(_x.Load<V, TAccess>(i, access) - column.Pivot, column.Scale, column.Shift), access);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _x.Prefetch(i, isFar: false);
}

/// <summary>(dy - center) · outer + (x - pivot) · inner + shift, the same five numbers for every element.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct GradientMap<T, V>(T* x, T* dy, in GradientAffine affine)
    : IMap<GradientMap<T, V>, GradientRows<T>, V, NoColumn>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly V _center = V.Broadcast(affine.Center);
    private readonly V _pivot = V.Broadcast(affine.Pivot);
    private readonly V _outer = V.Broadcast(affine.Outer);
    private readonly V _inner = V.Broadcast(affine.Inner);
    private readonly V _shift = V.Broadcast(affine.Shift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GradientMap<T, V> Of(in GradientRows<T> rows, nint row) =>
        new(rows.Input + (row * rows.Stride), rows.OutputGradient + (row * rows.Stride), rows.Affines[row * rows.Step]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess =>
        Of(access.Load<V, T>(_x + i), access.Load<V, T>(_dy + i));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Of(V input, V gradient) => V.FusedMultiplyAdd(gradient - _center, _outer, V.FusedMultiplyAdd(input - _pivot, _inner, _shift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}

/// <summary>(dy · weight[i] - center) · outer + (x - pivot) · inner + shift.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct WeightedGradientMap<T, V>(T* x, T* dy, T* weight, V minusCenter, V pivot, V outer, V inner, V shift)
    : IMap<WeightedGradientMap<T, V>, WeightedRows<T>, V, V>, IMap<WeightedGradientMap<T, V>, NarrowGradientRows<T>, V, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly T* _weight = weight;
    private readonly V _minusCenter = minusCenter;
    private readonly V _pivot = pivot;
    private readonly V _outer = outer;
    private readonly V _inner = inner;
    private readonly V _shift = shift;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WeightedGradientMap<T, V> Of(in WeightedRows<T> rows, nint row)
    {
        ref GradientAffine affine = ref rows.Affines[row * rows.Step];
        return new(
            rows.Input + (row * rows.Stride), rows.OutputGradient + (row * rows.Stride), rows.Weight,
            V.Broadcast(-affine.Center), V.Broadcast(affine.Pivot), V.Broadcast(affine.Outer), V.Broadcast(affine.Inner),
            V.Broadcast(affine.Shift));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WeightedGradientMap<T, V> Of(in NarrowGradientRows<T> rows, nint row)
    {
        const int Step = Thresholds.BatchGroups;
        T* own = rows.Coefficients + row;
        return new(
            rows.Input + (row * rows.Stride), rows.OutputGradient + (row * rows.Stride), rows.Weight,
            V.Repeat(own), V.Repeat(own + Step), V.Repeat(own + (2 * Step)), V.Repeat(own + (3 * Step)), V.Repeat(own + (4 * Step)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => access.Load<V, T>(_weight + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in V column, TAccess access) where TAccess : struct, IAccess =>
        V.FusedMultiplyAdd(
            V.FusedMultiplyAdd(access.Load<V, T>(_dy + i), column, _minusCenter),
            _outer,
            V.FusedMultiplyAdd(access.Load<V, T>(_x + i) - _pivot, _inner, _shift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.PrefetchFar(_x + i);
        RawMemory.PrefetchFar(_dy + i);
    }
}

/// <summary>
/// (dy - center[i]) · outer[i] + (x - pivot[i]) · inner[i] + shift[i], with the coefficients in the compute type of the vector.
/// </summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ColumnGradientMap<T, V>(
    T* x, T* dy, nint stride, void* center, void* pivot, void* outer, void* inner, void* shift)
    : IMap<ColumnGradientMap<T, V>, ColumnGradientMap<T, V>, V, ColumnGradient<V>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly nint _stride = stride;
    private readonly void* _center = center;
    private readonly void* _pivot = pivot;
    private readonly void* _outer = outer;
    private readonly void* _inner = inner;
    private readonly void* _shift = shift;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ColumnGradientMap<T, V> Of(in ColumnGradientMap<T, V> first, nint row) =>
        new(
            first._x + (row * first._stride), first._dy + (row * first._stride), first._stride,
            first._center, first._pivot, first._outer, first._inner, first._shift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ColumnGradient<V> Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess =>
        new(
            V.LoadCoefficients(_center, i),
            V.LoadCoefficients(_pivot, i),
            V.LoadCoefficients(_outer, i),
            V.LoadCoefficients(_inner, i),
            V.LoadCoefficients(_shift, i));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in ColumnGradient<V> column, TAccess access) where TAccess : struct, IAccess =>
        Of(access.Load<V, T>(_x + i), access.Load<V, T>(_dy + i), column);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of(V input, V gradient, in ColumnGradient<V> column) =>
        V.FusedMultiplyAdd(gradient - column.Center, column.Outer, V.FusedMultiplyAdd(input - column.Pivot, column.Inner, column.Shift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        RawMemory.Prefetch(_x + i);
        RawMemory.Prefetch(_dy + i);
    }
}

/// <summary>y + addend[i], with the addends in double: what accumulated gradients gain.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct AccumulateMap<T, W>(T* y, double* addend) : IMap<AccumulateMap<T, W>, AccumulateMap<T, W>, W, NoColumn>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _y = y;
    private readonly double* _addend = addend;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AccumulateMap<T, W> Of(in AccumulateMap<T, W> rows, nint row) => rows;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess =>
        access.Load<W, T>(_y + i) + W.LoadCoefficients(_addend, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => RawMemory.PrefetchFar(_y + i);
}

/// <summary>The weight and bias of a column.</summary>
internal readonly struct WeightAndBias<V>(V weight, V bias) where V : unmanaged
{
    public readonly V Weight = weight;
    public readonly V Bias = bias;
}

/// <summary>The coefficients of <see cref="ColumnAffineMap{T, V, TSource, TEpilogue}"/> in a column.</summary>
internal readonly struct ColumnAffine<V>(V pivot, V scale, V shift) where V : unmanaged
{
    public readonly V Pivot = pivot;
    public readonly V Scale = scale;
    public readonly V Shift = shift;
}

/// <summary>The coefficients of <see cref="ColumnGradientMap{T, V}"/> in a column.</summary>
internal readonly struct ColumnGradient<V>(V center, V pivot, V outer, V inner, V shift) where V : unmanaged
{
    public readonly V Center = center;
    public readonly V Pivot = pivot;
    public readonly V Outer = outer;
    public readonly V Inner = inner;
    public readonly V Shift = shift;
}
