using System.Numerics;

namespace Normalization.Tests;

/// <summary>The results of a double backward pass by plain loops in double, one element after another.</summary>
internal sealed class SecondOrderReference
{
    private SecondOrderReference(int length, int weights)
    {
        (OutputGradientGradient, InputGradient, WeightGradient) = (new double[length], new double[length], new double[weights]);
    }

    public double[] OutputGradientGradient { get; }

    public double[] InputGradient { get; }

    public double[] WeightGradient { get; }

    public static SecondOrderReference Of<T>(SecondOrderSample<T> sample) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Case item = sample.Sample.Case;
        ForwardContext<T> context = sample.Sample.Context;
        bool isFixed = sample.Sample.HasFixedStatistics;
        double[] x = Values.Doubles(sample.Sample.Input), dy = Values.Doubles(sample.Sample.OutputGradient);
        double[] weight = Values.Doubles(sample.Layer.Weight?.Value), v = OrZeros(sample.Input, x.Length);
        double[] u = OrZeros(sample.Weight, item.Coefficients), b = OrZeros(sample.Bias, item.Coefficients);
        var result = new SecondOrderReference(x.Length, weight.Length);
        var groups = Enumerable.Range(0, x.Length).GroupBy(i => item.GroupOf(i, isFixed));
        foreach (IGrouping<int, int> group in groups)
        {
            int[] at = [.. group];
            (double mean, double r) = Statistics(item, context, group.Key, [.. at.Select(i => x[i])], isFixed);
            double[] normalized = [.. at.Select(i => (x[i] - mean) * r)];
            double[] gamma = [.. at.Select(i => weight.Length == 0 ? 1 : weight[item.CoefficientOf(i)])];
            double[] direction = [.. at.Select(i => v[i])], g = [.. at.Select((i, k) => gamma[k] * dy[i])];
            double[] scaled = [.. at.Select(i => u[item.CoefficientOf(i)] * dy[i])];
            double[] pv = Project(direction), pg = Project(g), pw = Project(scaled);
            double s = isFixed ? 0 : Mean(direction, pg), bMean = isFixed ? 0 : Mean(direction, normalized), a = isFixed ? 0 : Mean(g, normalized);
            for (int k = 0; k < at.Length; k++)
            {
                (int i, int coefficient) = (at[k], item.CoefficientOf(at[k]));
                result.OutputGradientGradient[i] = (gamma[k] * r * pv[k]) + (u[coefficient] * normalized[k]) + b[coefficient];
                result.InputGradient[i] = (r * pw[k]) - (r * r * ((normalized[k] * s) + (bMean * pg[k]) + (a * pv[k])));
                if (weight.Length > 0)
                    result.WeightGradient[coefficient] += dy[i] * r * pv[k];
            }

            double[] Project(double[] values)
            {
                if (isFixed)
                    return values;
                double center = item.Kind == Kind.Rms ? 0 : values.Average();
                double[] centered = [.. values.Select(value => value - center)];
                double slope = Mean(centered, normalized);
                return [.. centered.Select((value, k) => value - (normalized[k] * slope))];
            }
        }
        return result;
    }

    /// <summary>The statistics by two passes, or those that were given.</summary>
    private static (double Mean, double R) Statistics<T>(Case item, ForwardContext<T> context, int group, double[] x, bool isFixed)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (isFixed)
            return (context.GetMean(group), context.GetInverseStandardDeviation(group));
        double mean = item.Kind == Kind.Rms ? 0 : x.Average(), rest = item.Kind == Kind.Rms ? 0 : x.Average(value => value - mean);
        double variance = x.Average(value => (value - mean - rest) * (value - mean - rest)) + item.Epsilon;
        return (mean + rest, variance == 0 ? 0 : 1 / Math.Sqrt(variance));
    }

    private static double Mean(double[] left, double[] right) => left.Zip(right, static (a, b) => a * b).Average();

    private static double[] OrZeros<T>(Tensor<T>? tensor, int length) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        tensor is null ? new double[length] : Values.Doubles(tensor);
}
