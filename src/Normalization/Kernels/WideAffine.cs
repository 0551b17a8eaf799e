using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>
/// (x - mean - residue) · r · weight + bias, where the product of r and weight is in no type's range although the result may be: it
/// is taken apart into a factor near 1 and three equal powers of two, each of which leads towards the result.
/// </summary>
internal readonly struct WideAffine
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public WideAffine(in GroupStatistics statistics, double weight, double bias)
    {
        (Mean, Residue, Bias) = (statistics.Mean, statistics.Residue, bias);
        double r = statistics.ReciprocalDeviation;
        (Factor, Power) = (r * weight, 1);
        if (r == 0 || weight == 0 || !double.IsFinite(r) || !double.IsFinite(weight))
            return;
        (int first, int second) = (Math.ILogB(r), Math.ILogB(weight));
        int third = (first + second) / 3, left = first + second - (3 * third);
        Power = Math.ScaleB(1, third);
        Factor = Math.ScaleB(Math.ScaleB(r, -first) * Math.ScaleB(weight, -second), left);
    }

    public double Mean { get; }

    public double Residue { get; }

    public double Factor { get; }

    /// <summary>One of the three powers of two.</summary>
    public double Power { get; }

    public double Bias { get; }
}

/// <summary><see cref="WideAffine"/> for every element of a row; rows lie a stride apart.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct WideAffineMap<T, W, TSource, TEpilogue>(TSource source, TEpilogue epilogue, nint stride, WideAffine* affine)
    : IMap<WideAffineMap<T, W, TSource, TEpilogue>, W, Nothing>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly TSource _source = source;
    private readonly TEpilogue _epilogue = epilogue;
    private readonly nint _stride = stride;
    private readonly WideAffine* _affine = affine;
    private readonly W _mean = W.Broadcast(affine->Mean);
    private readonly W _residue = W.Broadcast(affine->Residue);
    private readonly W _power = W.Broadcast(affine->Power);
    private readonly W _factor = W.Broadcast(affine->Power * affine->Factor);
    private readonly W _bias = W.Broadcast(affine->Bias);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public WideAffineMap<T, W, TSource, TEpilogue> Down(nint rows) => new(_source.At(rows * _stride), _epilogue.At(rows * _stride), _stride, _affine);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Nothing Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Invoke<TAccess>(nint i, in Nothing column, TAccess access) where TAccess : struct, IAccess =>
        _epilogue.Apply(
            i, W.FusedMultiplyAdd((_source.Load<W, TAccess>(i, access) - _mean - _residue) * _power * _power, _factor, _bias), access);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => _source.Prefetch(i, isFar: false);
}
