using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>A number for each element, or one for all.</summary>
internal readonly unsafe struct ElementFactor<T, W>(T* each, double same)
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _each = each;
    private readonly W _same = W.Broadcast(same);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W At<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => _each == null ? _same : access.Load<W, T>(_each + i);
}

/// <summary>x̂ = (x - mean) · r.</summary>
internal readonly unsafe struct NormalizedElements<T, W>(T* x, in GroupStatistics statistics)
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly W _mean = W.Broadcast(statistics.Mean);
    private readonly W _meanLow = W.Broadcast(statistics.MeanLow);
    private readonly W _r = W.Broadcast(statistics.InverseStandardDeviation);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W At<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess =>
        (access.Load<W, T>(_x + i) - _mean - _meanLow) * _r;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => RawMemory.Prefetch(_x + i);
}

/// <summary>
/// What P(u) = u - m(u) - x̂ · m(u · x̂) takes off u in a group. The mean is <see cref="Mean"/> + <see cref="MeanLow"/>.
/// </summary>
internal struct GroupProjection
{
    public double Mean;
    public double MeanLow;
    public double Slope;
}

/// <summary>
/// P(u) of u = element · factor; u itself where <paramref name="isProjected"/> is false, and 0 where there are no elements.
/// </summary>
internal readonly unsafe struct ProjectedElements<T, W>(
    T* elements, in ElementFactor<T, W> factor, in GroupProjection projection, bool isProjected)
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _elements = elements;
    private readonly ElementFactor<T, W> _factor = factor;
    private readonly W _minusMean = W.Broadcast(-projection.Mean);
    private readonly W _meanLow = W.Broadcast(projection.MeanLow);
    private readonly W _minusSlope = W.Broadcast(-projection.Slope);
    private readonly bool _isProjected = isProjected;

    /// <summary>u - m(u).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Centered<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => _elements == null
        ? default
        : W.FusedMultiplyAdd(access.Load<W, T>(_elements + i), _factor.At(i, access), _minusMean) - _meanLow;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W At<TAccess>(nint i, W normalized, TAccess access) where TAccess : struct, IAccess
    {
        W centered = Centered(i, access);
        return _isProjected && _elements != null ? W.FusedMultiplyAdd(normalized, _minusSlope, centered) : centered;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => RawMemory.Prefetch(_elements + i);
}

/// <summary>u - m(u) and x̂.</summary>
internal readonly struct SlopeTerms<T, W>(in NormalizedElements<T, W> input, in ProjectedElements<T, W> elements) : ITerms<W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly NormalizedElements<T, W> _input = input;
    private readonly ProjectedElements<T, W> _elements = elements;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        a = _elements.Centered(i, access);
        b = _input.At(i, access);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        _input.Prefetch(i);
        _elements.Prefetch(i);
    }
}

/// <summary>u - m(u) and P(w).</summary>
internal readonly struct ProductTerms<T, W>(
    in NormalizedElements<T, W> input, in ProjectedElements<T, W> left, in ProjectedElements<T, W> right) : ITerms<W>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly NormalizedElements<T, W> _input = input;
    private readonly ProjectedElements<T, W> _left = left;
    private readonly ProjectedElements<T, W> _right = right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At<TAccess>(nint i, TAccess access, out W a, out W b) where TAccess : struct, IAccess
    {
        a = _left.Centered(i, access);
        b = _right.At(i, _input.At(i, access), access);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        _input.Prefetch(i);
        _left.Prefetch(i);
        _right.Prefetch(i);
    }
}
