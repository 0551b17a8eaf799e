using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;

namespace Normalization.Kernels.Loops;

/// <summary>Rows of a source and of an epilogue, a stride apart, with coefficients that they share or that each has of its own.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct AffineRows<T, TSource, TEpilogue, TCoefficients>(
    TSource source, TEpilogue epilogue, nint stride, TCoefficients* coefficients)
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
    where TCoefficients : unmanaged
{
    private readonly TSource _source = source;
    private readonly TEpilogue _epilogue = epilogue;

    public readonly nint Stride = stride;
    public readonly TCoefficients* Coefficients = coefficients;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSource SourceAt(nint row) => _source.At(row * Stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TEpilogue EpilogueAt(nint row) => _epilogue.At(row * Stride);
}

/// <summary>The same with weights and, unless they are null, biases that all rows share.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct WeightedAffineRows<T, TSource, TEpilogue>(
    in AffineRows<T, TSource, TEpilogue, Affine> rows, T* weight, T* bias)
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    public readonly AffineRows<T, TSource, TEpilogue, Affine> Rows = rows;
    public readonly T* Weight = weight;
    public readonly T* Bias = bias;
}

/// <summary>The same of a few short rows whose coefficients are elements: the pivots of all, then the scales, then the shifts.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ShortRows<T, TSource, TEpilogue>(
    TSource source, TEpilogue epilogue, nint stride, T* weight, T* bias, T* coefficients)
    where T : unmanaged
    where TSource : struct, ISource<TSource, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    public const int Most = Thresholds.BatchGroups;

    private readonly TSource _source = source;
    private readonly TEpilogue _epilogue = epilogue;

    public readonly nint Stride = stride;
    public readonly T* Weight = weight;
    public readonly T* Bias = bias;
    public readonly T* Coefficients = coefficients;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSource SourceAt(nint row) => _source.At(row * Stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TEpilogue EpilogueAt(nint row) => _epilogue.At(row * Stride);
}

/// <summary>Rows of x and dy, a stride apart, that share the coefficients of their input gradient.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct GradientRows<T>(T* input, T* outputGradient, nint stride, GradientAffine* affines, nint step)
    where T : unmanaged
{
    public readonly T* Input = input;
    public readonly T* OutputGradient = outputGradient;
    public readonly nint Stride = stride;
    public readonly GradientAffine* Affines = affines;

    /// <summary>How far apart the affines of neighboring rows lie: zero where all rows have the same.</summary>
    public readonly nint Step = step;
}

/// <summary>
/// A few rows of x and dy, a stride apart, with weights that they share. The coefficients of their input gradients are elements: the
/// negative centers of all, then the pivots, the factors of dy, those of x, and the shifts.
/// </summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct NarrowGradientRows<T>(T* input, T* outputGradient, T* weight, nint stride, T* coefficients)
    where T : unmanaged
{
    public const int Numbers = 5 * Thresholds.BatchGroups;

    public readonly T* Input = input;
    public readonly T* OutputGradient = outputGradient;
    public readonly T* Weight = weight;
    public readonly nint Stride = stride;
    public readonly T* Coefficients = coefficients;
}
