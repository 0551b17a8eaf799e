using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>weight · r · P(v) + u · x̂ + b, in slices that lie a stride apart.</summary>
internal readonly struct DerivativeMap<T, W>(
    in NormalizedElements<T, W> input,
    in ProjectedElements<T, W> direction,
    double r,
    in ElementFactor<T, W> weight,
    in ElementFactor<T, W> weightDirection,
    bool hasWeightDirection,
    in ElementFactor<T, W> biasDirection,
    nint stride) : IMap<DerivativeMap<T, W>, DerivativeMap<T, W>, W, NoColumn>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly NormalizedElements<T, W> _input = input;
    private readonly ProjectedElements<T, W> _direction = direction;
    private readonly W _r = W.Broadcast(r);
    private readonly ElementFactor<T, W> _weight = weight;
    private readonly ElementFactor<T, W> _weightDirection = weightDirection;
    private readonly bool _hasWeightDirection = hasWeightDirection;
    private readonly ElementFactor<T, W> _biasDirection = biasDirection;
    private readonly nint _stride = stride;

    private nint Start { get; init; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DerivativeMap<T, W> Of(in DerivativeMap<T, W> rows, nint row) => rows with { Start = row * rows._stride };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess
    {
        i += Start;
        W normalized = _input.At(i, access), shift = _biasDirection.At(i, access);
        if (_hasWeightDirection)
            shift = W.FusedMultiplyAdd(_weightDirection.At(i, access), normalized, shift);
        return W.FusedMultiplyAdd(_direction.At(i, normalized, access) * _r, _weight.At(i, access), shift);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        _input.Prefetch(Start + i);
        _direction.Prefetch(Start + i);
    }
}

/// <summary>The numbers of a group that the gradient of x takes: Σ v · P(g) / n, m(v · x̂) and m(g · x̂).</summary>
internal readonly record struct SecondOrderMeans(double Product, double DirectionSlope, double GradientSlope);

/// <summary>
/// r · (P(w) - r · (x̂ · m(v · P(g)) + m(v · x̂) · P(g) + m(g · x̂) · P(v))), in slices that lie a stride
/// apart; r · P(w) where there is no v, or where x̂ does not depend on the statistics of x.
/// </summary>
internal readonly struct SecondGradientMap<T, W>(
    in NormalizedElements<T, W> input,
    in ProjectedElements<T, W> gradient,
    in ProjectedElements<T, W> direction,
    in ProjectedElements<T, W> weighted,
    double r,
    in SecondOrderMeans means,
    bool isCurved,
    nint stride) : IMap<SecondGradientMap<T, W>, SecondGradientMap<T, W>, W, NoColumn>
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly NormalizedElements<T, W> _input = input;
    private readonly ProjectedElements<T, W> _gradient = gradient;
    private readonly ProjectedElements<T, W> _direction = direction;
    private readonly ProjectedElements<T, W> _weighted = weighted;
    private readonly W _r = W.Broadcast(r);
    private readonly W _minusR = W.Broadcast(-r);
    private readonly W _product = W.Broadcast(means.Product);
    private readonly W _directionSlope = W.Broadcast(means.DirectionSlope);
    private readonly W _gradientSlope = W.Broadcast(means.GradientSlope);
    private readonly bool _isCurved = isCurved;
    private readonly nint _stride = stride;

    private nint Start { get; init; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SecondGradientMap<T, W> Of(in SecondGradientMap<T, W> rows, nint row) => rows with { Start = row * rows._stride };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public W Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess
    {
        i += Start;
        W normalized = _input.At(i, access), result = _weighted.At(i, normalized, access);
        if (_isCurved)
        {
            W curvature = W.FusedMultiplyAdd(
                _gradientSlope,
                _direction.At(i, normalized, access),
                W.FusedMultiplyAdd(_directionSlope, _gradient.At(i, normalized, access), normalized * _product));
            result = W.FusedMultiplyAdd(curvature, _minusR, result);
        }
        // One factor r at a time, because r² may overflow where the result does not.
        return result * _r;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i)
    {
        _input.Prefetch(Start + i);
        _gradient.Prefetch(Start + i);
        _direction.Prefetch(Start + i);
    }
}

/// <summary>Adds dy · r · P(v) of a row to the sums of its columns, which have room for a whole vector behind the last one.</summary>
internal static unsafe class ColumnProducts
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Add<T, W>(
        in NormalizedElements<T, W> input,
        in ProjectedElements<T, W> direction,
        double r,
        T* outputGradient,
        nint length,
        double* sums)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
    {
        NormalizedElements<T, W> normalized = input;
        ProjectedElements<T, W> projected = direction;
        W scale = W.Broadcast(r);
        nint i = 0;
        for (; i + W.Count <= length; i += W.Count)
        {
            W product = projected.At(i, normalized.At(i, default(Whole)), default(Whole)) * scale;
            W.StoreDoubles(sums + i, W.FusedMultiplyAdd(W.Load(outputGradient + i), product, W.LoadDoubles(sums + i)));
        }
        if (i == length)
            return;
        var part = new Part(length - i);
        W last = projected.At(i, normalized.At(i, part), part) * scale;
        // The sums behind the row belong to another row.
        last = Reduction.MaskFirst<W, T>(last, part.Count);
        W.StoreDoubles(sums + i, W.FusedMultiplyAdd(part.Load<W, T>(outputGradient + i), last, W.LoadDoubles(sums + i)));
    }
}
