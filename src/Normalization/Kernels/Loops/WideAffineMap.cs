using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary><see cref="WideAffine"/> for every element of a row.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct WideAffineMap<T, W, TSource, TEpilogue>(TSource source, TEpilogue epilogue, in WideAffine affine)
    : IMap<WideAffineMap<T, W, TSource, TEpilogue>, AffineRows<T, TSource, TEpilogue, WideAffine>, W, NoColumn>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly TSource _source = source;
    private readonly TEpilogue _epilogue = epilogue;
    private readonly W _mean = W.Broadcast(affine.Mean);
    private readonly W _meanLow = W.Broadcast(affine.MeanLow);
    private readonly W _power = W.Broadcast(affine.Power);
    private readonly W _factor = W.Broadcast(affine.Power * affine.Factor);
    private readonly W _bias = W.Broadcast(affine.Bias);

    public static bool IsLong => TEpilogue.IsLong;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideAffineMap<T, W, TSource, TEpilogue> Of(in AffineRows<T, TSource, TEpilogue, WideAffine> rows, nint row) =>
        new(rows.SourceAt(row), rows.EpilogueAt(row), *rows.Coefficients);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess =>
        _epilogue.Apply(
            i, W.FusedMultiplyAdd((_source.Load<W, TAccess>(i, access) - _mean - _meanLow) * _power * _power, _factor, _bias), access);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _source.Prefetch(i, isFar: false);
}
