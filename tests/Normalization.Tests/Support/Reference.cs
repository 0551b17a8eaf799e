using System.Numerics;

namespace Normalization.Tests;

/// <summary>
/// The textbook formulas, element by element in double-double, from nothing but a map from the element to its group and its
/// coefficient: what the layers are judged by.
/// </summary>
internal sealed class Reference
{
    private readonly Case _case;
    private readonly bool _isFixed;
    private readonly double[] _weight;
    private readonly DoubleDouble[] _normalized;
    private readonly DoubleDouble[] _reciprocal;
    private readonly double[] _count;

    private Reference(Case item, double[] x, double[] weight, double[] bias, double[]? mean, double[]? variance)
    {
        _case = item;
        _isFixed = mean is not null;
        _weight = weight;
        int groups = item.GroupCount(_isFixed);
        _count = new double[groups];
        for (int i = 0; i < x.Length; i++)
            _count[Group(i)]++;

        DoubleDouble[] means = Centers(x, mean);
        var variances = new DoubleDouble[groups];
        for (int i = 0; i < x.Length; i++)
        {
            DoubleDouble difference = x[i] - means[Group(i)];
            variances[Group(i)] += difference * difference;
        }
        for (int g = 0; g < groups; g++)
            variances[g] = variance is null ? variances[g] / _count[g] : variance[g];
        _reciprocal = Array.ConvertAll(variances, value => Reciprocal(value + item.Epsilon));

        _normalized = new DoubleDouble[x.Length];
        Output = new double[x.Length];
        Scale = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            _normalized[i] = (x[i] - means[Group(i)]) * _reciprocal[Group(i)];
            DoubleDouble scaled = _normalized[i] * Coefficient(weight, i, 1);
            double shift = Coefficient(bias, i, 0);
            Output[i] = (double)(scaled + shift);
            double weightOf = Math.Abs(Coefficient(weight, i, 1));
            Scale[i] = Math.Max(weightOf * Math.Max(1, Math.Abs((double)_normalized[i])), Math.Abs(shift));
        }
        Mean = Array.ConvertAll(means, static value => (double)value);
        Variance = Array.ConvertAll(variances, static value => (double)value);
        InverseStandardDeviation = Array.ConvertAll(_reciprocal, static value => (double)value);
    }

    public double[] Output { get; }

    /// <summary>The larger of |γ| · max(1, |x̂|) and |β|: what an error of y is measured against.</summary>
    public double[] Scale { get; }

    /// <summary>The unit that an error of y in float is counted in.</summary>
    public double FloatUnit(int element) => Scale[element] / (1 << 23);

    public double[] Mean { get; }

    /// <summary>The biased variance of each group.</summary>
    public double[] Variance { get; }

    public double[] InverseStandardDeviation { get; }

    /// <summary>The largest r · γ · dy of the last gradients: what the input gradient is a difference of.</summary>
    public double LargestTerm { get; private set; }

    public static Reference Of<T>(Sample<T> sample) where T : unmanaged, IBinaryFloatingPointIeee754<T> => new(
        sample.Case,
        Values.Doubles(sample.Input),
        Values.Doubles(sample.Layer.Weight?.Value),
        Values.Doubles(sample.Layer.Bias?.Value),
        sample.HasFixedStatistics ? Values.Doubles(sample.Running!.RunningMean) : null,
        sample.HasFixedStatistics ? Values.Doubles(sample.Running!.RunningVariance) : null);

    /// <summary>What a training batch brings to the running statistics: the mean over the samples, of the unbiased variance.</summary>
    public (double[] Mean, double[] Variance) Batch()
    {
        var mean = new double[_case.C];
        var variance = new double[_case.C];
        int samples = Mean.Length / _case.C;
        for (int g = 0; g < Mean.Length; g++)
        {
            mean[g % _case.C] += Mean[g] / samples;
            variance[g % _case.C] += Variance[g] * _count[g] / (_count[g] - 1) / samples;
        }
        return (mean, variance);
    }

    public (double[] Input, double[] Weight, double[] Bias) Gradients(double[] outputGradient)
    {
        var weightGradient = new DoubleDouble[_case.Affine ? _case.Coefficients : 0];
        var biasGradient = new DoubleDouble[_case.HasBias ? _case.Coefficients : 0];
        var sum = new DoubleDouble[_count.Length];
        var product = new DoubleDouble[_count.Length];
        for (int i = 0; i < outputGradient.Length; i++)
        {
            DoubleDouble scaled = (DoubleDouble)Coefficient(_weight, i, 1) * outputGradient[i];
            sum[Group(i)] += scaled;
            product[Group(i)] += scaled * _normalized[i];
            if (_case.Affine)
                weightGradient[_case.CoefficientOf(i)] += _normalized[i] * outputGradient[i];
            if (_case.HasBias)
                biasGradient[_case.CoefficientOf(i)] += outputGradient[i];
        }
        var inputGradient = new double[outputGradient.Length];
        for (int i = 0; i < inputGradient.Length; i++)
        {
            int g = Group(i);
            DoubleDouble gradient = (DoubleDouble)Coefficient(_weight, i, 1) * outputGradient[i];
            LargestTerm = Math.Max(LargestTerm, Math.Abs((double)(gradient * _reciprocal[g])));
            if (!_isFixed && _case.Kind != Kind.Rms)
                gradient -= sum[g] / _count[g];
            if (!_isFixed)
                gradient -= _normalized[i] * (product[g] / _count[g]);
            inputGradient[i] = (double)(gradient * _reciprocal[g]);
        }
        return (inputGradient, Rounded(weightGradient), Rounded(biasGradient));
    }

    private static double[] Rounded(DoubleDouble[] values) => Array.ConvertAll(values, static value => (double)value);

    // A constant group without epsilon has no direction: its output is β.
    private static DoubleDouble Reciprocal(DoubleDouble square) => square.High == 0 ? 0 : 1 / DoubleDouble.Sqrt(square);

    private DoubleDouble[] Centers(double[] x, double[]? given)
    {
        var means = new DoubleDouble[_count.Length];
        if (_case.Kind == Kind.Rms)
            return means;
        if (given is not null)
            return Array.ConvertAll(given, static value => (DoubleDouble)value);
        for (int i = 0; i < x.Length; i++)
            means[Group(i)] += x[i];
        for (int g = 0; g < means.Length; g++)
            means[g] /= _count[g];
        return means;
    }

    private int Group(int element) => _case.GroupOf(element, _isFixed);

    private double Coefficient(double[] coefficients, int element, double missing) =>
        coefficients.Length == 0 ? missing : coefficients[_case.CoefficientOf(element)];
}
