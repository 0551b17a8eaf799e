using System.Numerics;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Simd;

namespace Normalization.Tests;

/// <summary>Which terms a pass has besides the norm.</summary>
[Flags]
public enum Terms
{
    None = 0,
    Residual = 1,
    Skip = 2,
    Scale = 4,
    Shift = 8,
    ScaleIncludesOne = 16,
    All = Residual | Skip | Scale | Shift,
}

/// <summary>A layer with an activation and other terms, beside the same layer without them and the terms done one after another.</summary>
internal sealed class FusedSample<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly bool _scaleIncludesOne;

    public FusedSample(Case item, Terms terms, int samples = 0, double scale = 1)
    {
        Layer = new(item, deviation: 2 * scale);
        Plain = new(item with { Activation = Activation.None }, deviation: 2 * scale);
        int count = samples != 0 ? samples : item.IsRows && item.NormalizedRank < item.Shape.Length ? item.Shape[0] : item.N;
        int[] coefficients = item.IsRows ? [count, item.S] : [item.N, item.C];
        Residual = Of(terms, Terms.Residual, item.Shape, 11, scale);
        Skip = Of(terms, Terms.Skip, item.Shape, 12, 1);
        Scale = Of(terms, Terms.Scale, coefficients, 13, 1);
        Shift = Of(terms, Terms.Shift, coefficients, 14, 1);
        SumGradient = Of(terms, Terms.Residual, item.Shape, 15, 1);
        (Sum, SkipGradient) = (Like(Residual), Like(Skip));
        (ScaleGradient, ShiftGradient) = (Like(Scale), Like(Shift));
        _scaleIncludesOne = terms.HasFlag(Terms.ScaleIncludesOne);
    }

    public Sample<T> Layer { get; }

    /// <summary>The same layer, with the same values, without an activation.</summary>
    public Sample<T> Plain { get; }

    public Tensor<T>? Residual { get; }

    public Tensor<T>? Skip { get; }

    public Tensor<T>? Scale { get; }

    public Tensor<T>? Shift { get; }

    public Tensor<T>? Sum { get; }

    public Tensor<T>? SumGradient { get; }

    public Tensor<T>? SkipGradient { get; }

    public Tensor<T>? ScaleGradient { get; }

    public Tensor<T>? ShiftGradient { get; }

    public ForwardOptions<T> Forward => new()
    {
        Context = Layer.Context,
        Residual = Residual,
        Sum = Sum,
        Skip = Skip,
        Scale = Scale,
        Shift = Shift,
        ScaleIncludesOne = _scaleIncludesOne,
    };

    public BackwardOptions<T> Backward => new()
    {
        Context = Layer.Context,
        SumGradient = SumGradient,
        SkipGradient = SkipGradient,
        ScaleGradient = ScaleGradient,
        ShiftGradient = ShiftGradient,
    };

    public FusedSample<T> Run(bool isTraining = true)
    {
        Switch(Layer, isTraining);
        Layer.Layer.Forward(Layer.Input, Layer.Output, Forward);
        Layer.Layer.Backward(Layer.OutputGradient, Layer.InputGradient, Backward);
        return this;
    }

    /// <summary>The terms one after another: the output, and every gradient where its bits are those of single steps.</summary>
    public Composed Compose(bool isTraining = true)
    {
        Switch(Plain, isTraining);
        Case item = Plain.Case;
        if (Residual is not null)
            Combine(Plain.Input, Residual, static (a, b) => a + b);
        Plain.Layer.Forward(Plain.Input, Plain.Output, Plain.Context);
        T[] n = Plain.Output.Span.ToArray(), z = [.. n], dz = new T[n.Length], y = new T[n.Length], factors = new T[n.Length];
        for (int i = 0; i < n.Length; i++)
        {
            factors[i] = Scale is null ? T.One : At(Scale, i) + (_scaleIncludesOne ? T.Zero : T.One);
            if (Scale is not null || Shift is not null)
                z[i] = T.FusedMultiplyAdd(n[i], factors[i], Shift is null ? T.Zero : At(Shift, i));
            if (Skip is not null)
                z[i] += Skip.Span[i];
        }
        ActivationValues.Run(Layer.Case.Activation, z, Layer.OutputGradient.Span, y, dz);
        double[] scaleGradient = new double[Scale?.Length ?? 0], shiftGradient = new double[Shift?.Length ?? 0];
        for (int i = 0; i < n.Length; i++)
        {
            Plain.OutputGradient.Span[i] = Scale is null ? dz[i] : dz[i] * factors[i];
            if (Scale is not null)
                scaleGradient[Index(Scale, i)] += double.CreateChecked(dz[i]) * double.CreateChecked(n[i]);
            if (Shift is not null)
                shiftGradient[Index(Shift, i)] += double.CreateChecked(dz[i]);
        }
        Plain.Layer.Backward(Plain.OutputGradient, Plain.InputGradient, Plain.Context);
        if (SumGradient is not null)
            Combine(Plain.InputGradient, SumGradient, static (a, b) => a + b);
        return new(y, dz, scaleGradient, shiftGradient);

        T At(Tensor<T> coefficients, int i) => coefficients.Span[Index(coefficients, i)];

        int Index(Tensor<T> coefficients, int i) => item.IsRows
            ? (i / item.S / (item.N / coefficients.Shape[0]) * item.S) + (i % item.S)
            : i / item.S;
    }

    /// <summary>The bits of all that a pass has written.</summary>
    public long[] Bits() =>
    [
        .. Layer.Bits(), .. Values.Bits(Sum), .. Values.Bits(SkipGradient), .. Values.Bits(ScaleGradient), .. Values.Bits(ShiftGradient),
    ];

    private static void Switch(Sample<T> sample, bool isTraining) => sample.Layer.Train(isTraining);

    private static Tensor<T>? Of(Terms terms, Terms term, int[] shape, int seed, double scale) =>
        terms.HasFlag(term) ? Sample<T>.Normal(shape, seed, 0.1, 0.7 * scale) : null;

    private static Tensor<T>? Like(Tensor<T>? tensor) => tensor is null ? null : Sample<T>.Padded(tensor.Shape.ToArray());

    private static void Combine(Tensor<T> first, Tensor<T> second, Func<T, T, T> combine)
    {
        for (int i = 0; i < first.Length; i++)
            first.Span[i] = combine(first.Span[i], second.Span[i]);
    }

    /// <param name="Output">y.</param>
    /// <param name="SkipGradient">dy · activation'.</param>
    /// <param name="ScaleGradient">Σ of the same times n.</param>
    /// <param name="ShiftGradient">Σ of the same.</param>
    internal sealed record Composed(T[] Output, T[] SkipGradient, double[] ScaleGradient, double[] ShiftGradient);
}

/// <summary>Activations and their gradients over arrays, at one vector width.</summary>
internal static class ActivationValues
{
    public static void Run<T>(Activation activation, ReadOnlySpan<T> z, ReadOnlySpan<T> dy, Span<T> y, Span<T> dz) where T : unmanaged
    {
        if (typeof(T) == typeof(float))
            Run<Float256, float>(activation, As<T, float>(z), As<T, float>(dy), As<T, float>(y), As<T, float>(dz));
        else
            Run<Double256<double>, double>(activation, As<T, double>(z), As<T, double>(dy), As<T, double>(y), As<T, double>(dz));
    }

    public static void Run<V, T>(Activation activation, ReadOnlySpan<T> z, ReadOnlySpan<T> dy, Span<T> y, Span<T> dz)
        where V : unmanaged, ISimd<V, T>
        where T : unmanaged
    {
        switch (activation)
        {
            case Activation.None:
                Run<V, T, NoActivation>(z, dy, y, dz);
                break;
            case Activation.Relu:
                Run<V, T, ReluActivation>(z, dy, y, dz);
                break;
            case Activation.Silu:
                Run<V, T, SiluActivation>(z, dy, y, dz);
                break;
            case Activation.Gelu:
                Run<V, T, GeluActivation>(z, dy, y, dz);
                break;
            default:
                Run<V, T, GeluTanhActivation>(z, dy, y, dz);
                break;
        }
    }

    private static unsafe void Run<V, T, TActivation>(ReadOnlySpan<T> z, ReadOnlySpan<T> dy, Span<T> y, Span<T> dz)
        where V : unmanaged, ISimd<V, T>
        where T : unmanaged
        where TActivation : IActivation
    {
        fixed (T* pz = z, pdy = dy, py = y, pdz = dz)
        {
            for (int i = 0; i < z.Length; i += V.Count)
            {
                int count = Math.Min(V.Count, z.Length - i);
                V value = V.LoadPart(pz + i, count);
                V.StorePart(py + i, TActivation.Apply<V, T>(value), count);
                V.StorePart(pdz + i, TActivation.Gradient<V, T>(value, V.LoadPart(pdy + i, count)), count);
            }
        }
    }

    private static Span<TTo> As<T, TTo>(Span<T> span) where T : unmanaged where TTo : unmanaged =>
        System.Runtime.InteropServices.MemoryMarshal.Cast<T, TTo>(span);

    private static ReadOnlySpan<TTo> As<T, TTo>(ReadOnlySpan<T> span) where T : unmanaged where TTo : unmanaged =>
        System.Runtime.InteropServices.MemoryMarshal.Cast<T, TTo>(span);
}
