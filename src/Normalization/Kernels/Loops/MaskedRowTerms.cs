using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>The terms of rows that lie a stride apart, each about a pivot of its own. They share a mask or weights, or have none.</summary>
internal readonly unsafe struct MomentRowTerms<T, V, W>(T* x, nint stride, double* pivots)
    : IGroupTerms<MomentTerms<T, V, Plain<T>, On>, MomentTerms<T, W, Plain<T>, On>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly nint _stride = stride;
    private readonly double* _pivots = pivots;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MomentTerms<T, V, Plain<T>, On> NarrowAt(nint group) => new(new(_x + (group * _stride)), _pivots[group]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MomentTerms<T, W, Plain<T>, On> WideAt(nint group) => new(new(_x + (group * _stride)), _pivots[group]);
}

/// <inheritdoc cref="MomentRowTerms{T, V, W}"/>
internal readonly unsafe struct MaskedMomentRowTerms<T, V, W>(T* x, byte* mask, nint stride, double* pivots)
    : IGroupTerms<MaskedMomentTerms<T, V>, MaskedMomentTerms<T, W>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly byte* _mask = mask;
    private readonly nint _stride = stride;
    private readonly double* _pivots = pivots;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MaskedMomentTerms<T, V> NarrowAt(nint group) => new(_x + (group * _stride), _mask, _pivots[group]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MaskedMomentTerms<T, W> WideAt(nint group) => new(_x + (group * _stride), _mask, _pivots[group]);
}

/// <inheritdoc cref="MomentRowTerms{T, V, W}"/>
internal readonly unsafe struct WeightedMomentRowTerms<T, V, W>(T* x, T* weights, nint stride, double* pivots)
    : IGroupTerms<WeightedMomentTerms<T, V>, WeightedMomentTerms<T, W>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _weights = weights;
    private readonly nint _stride = stride;
    private readonly double* _pivots = pivots;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public WeightedMomentTerms<T, V> NarrowAt(nint group) => new(_x + (group * _stride), _weights, _pivots[group]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public WeightedMomentTerms<T, W> WideAt(nint group) => new(_x + (group * _stride), _weights, _pivots[group]);
}

/// <inheritdoc cref="MomentRowTerms{T, V, W}"/>
internal readonly unsafe struct MaskedGradientRowTerms<T, V, W>(
    T* x, T* dy, byte* mask, nint stride, double* pivots, double* outputPivots)
    : IGroupTerms<MaskedGradientTerms<T, V>, MaskedGradientTerms<T, W>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly byte* _mask = mask;
    private readonly nint _stride = stride;
    private readonly double* _pivots = pivots;
    private readonly double* _outputPivots = outputPivots;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MaskedGradientTerms<T, V> NarrowAt(nint group) =>
        new(_x + (group * _stride), _dy + (group * _stride), _mask, _pivots[group], _outputPivots[group]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MaskedGradientTerms<T, W> WideAt(nint group) =>
        new(_x + (group * _stride), _dy + (group * _stride), _mask, _pivots[group], _outputPivots[group]);
}

/// <inheritdoc cref="MomentRowTerms{T, V, W}"/>
internal readonly unsafe struct GradientRowTerms<T, V, W>(T* x, T* dy, nint stride, double* pivots, double* outputPivots)
    : IGroupTerms<GradientTerms<T, V>, GradientTerms<T, W>>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly nint _stride = stride;
    private readonly double* _pivots = pivots;
    private readonly double* _outputPivots = outputPivots;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GradientTerms<T, V> NarrowAt(nint group) =>
        new(_x + (group * _stride), _dy + (group * _stride), _pivots[group], _outputPivots[group]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GradientTerms<T, W> WideAt(nint group) =>
        new(_x + (group * _stride), _dy + (group * _stride), _pivots[group], _outputPivots[group]);
}
