using System.Numerics;

namespace Normalization.Tests;

/// <summary>The arrays of one call of the primitives, and which primitive a case stands for.</summary>
internal sealed class PrimitiveCall<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public PrimitiveCall(Sample<T> sample)
    {
        Case item = sample.Case;
        int groups = item.GroupCount(hasFixedStatistics: false);
        Weight = sample.Layer.Weight?.Value.Span.ToArray() ?? [];
        Bias = sample.Layer.Bias?.Value.Span.ToArray() ?? [];
        Y = new T[item.Length];
        Dx = new T[item.Length];
        Mean = new double[item.Kind == Kind.Rms ? 0 : groups];
        InverseStandardDeviation = new double[groups];
        WeightGradient = new T[Weight.Length];
        BiasGradient = new T[Bias.Length];
    }

    public T[] Weight { get; }

    public T[] Bias { get; }

    public T[] Y { get; }

    public T[] Dx { get; }

    public double[] Mean { get; }

    public double[] InverseStandardDeviation { get; }

    public T[] WeightGradient { get; }

    public T[] BiasGradient { get; }

    public static void Moments(Sample<T> sample, Span<double> mean, Span<double> variance)
    {
        Case item = sample.Case;
        ReadOnlySpan<T> x = sample.Input.Span;
        switch (item.Kind)
        {
            case Kind.Batch:
                NormalizationPrimitives.BatchNormMoments(x, item.N, item.C, item.S, mean, variance);
                break;
            case Kind.Layer:
                NormalizationPrimitives.LayerNormMoments(x, item.N, item.S, mean, variance);
                break;
            default:
                NormalizationPrimitives.GroupNormMoments(x, item.N, item.C, item.S, GroupsOf(item), mean, variance);
                break;
        }
    }

    public void Forward(Sample<T> sample, bool withStatistics = true)
    {
        Case item = sample.Case;
        ReadOnlySpan<T> x = sample.Input.Span;
        Span<double> mean = withStatistics ? Mean : default, reciprocal = withStatistics ? InverseStandardDeviation : default;
        switch (item.Kind)
        {
            case Kind.Batch:
                NormalizationPrimitives.BatchNormForward(
                    x, item.N, item.C, item.S, Weight, Bias, item.Epsilon, Y, mean, reciprocal, default, default, 0.1);
                break;
            case Kind.Layer:
                NormalizationPrimitives.LayerNormForward(x, item.N, item.S, Weight, Bias, item.Epsilon, Y, mean, reciprocal);
                break;
            case Kind.Rms:
                NormalizationPrimitives.RmsNormForward(x, item.N, item.S, Weight, item.Epsilon, Y, reciprocal);
                break;
            default:
                NormalizationPrimitives.GroupNormForward(x, item.N, item.C, item.S, GroupsOf(item), Weight, Bias, item.Epsilon, Y, mean, reciprocal);
                break;
        }
    }

    public void Backward(Sample<T> sample, bool withParameters = true)
    {
        Case item = sample.Case;
        ReadOnlySpan<T> x = sample.Input.Span, dy = sample.OutputGradient.Span;
        Span<T> weight = withParameters ? WeightGradient : default, bias = withParameters ? BiasGradient : default;
        switch (item.Kind)
        {
            case Kind.Batch:
                NormalizationPrimitives.BatchNormGradient(x, dy, item.N, item.C, item.S, Weight, Dx, weight, bias, Mean, InverseStandardDeviation);
                break;
            case Kind.Layer:
                NormalizationPrimitives.LayerNormGradient(x, dy, item.N, item.S, Weight, Dx, weight, bias, Mean, InverseStandardDeviation);
                break;
            case Kind.Rms:
                NormalizationPrimitives.RmsNormGradient(x, dy, item.N, item.S, Weight, Dx, weight, InverseStandardDeviation);
                break;
            default:
                NormalizationPrimitives.GroupNormGradient(
                    x, dy, item.N, item.C, item.S, GroupsOf(item), Weight, Dx, weight, bias, Mean, InverseStandardDeviation);
                break;
        }
    }

    private static int GroupsOf(Case item) => item.Kind == Kind.Instance ? item.C : item.Groups;
}
