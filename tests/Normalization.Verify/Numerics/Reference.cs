namespace Normalization.Verify.Numerics;

/// <summary>The closed forms of the layers, written down plainly and computed with 106 bits.</summary>
internal sealed class Reference
{
    private readonly Geometry _geometry;
    private readonly double[] _input;
    private readonly bool _isFixed;

    private Reference(Geometry geometry, double[] input, bool isFixed)
    {
        (_geometry, _input, _isFixed) = (geometry, input, isFixed);
        int groups = geometry.GroupCount;
        (Mean, Variance, InverseStandardDeviation) = (new DoubleDouble[groups], new DoubleDouble[groups], new DoubleDouble[groups]);
    }

    /// <summary>Gets a value indicating whether the statistics are those of the input.</summary>
    public bool IsOfInput => !_isFixed;

    public DoubleDouble[] Mean { get; }

    /// <summary>Gets the biased variance of each group, for RmsNorm the mean square.</summary>
    public DoubleDouble[] Variance { get; }

    public DoubleDouble[] InverseStandardDeviation { get; }

    /// <summary>The statistics of the input itself.</summary>
    public static Reference OfInput(Geometry geometry, double[] input, double epsilon)
    {
        var result = new Reference(geometry, input, isFixed: false);
        int groups = geometry.GroupCount;
        double[] pivots = new double[groups];
        bool[] seen = new bool[groups];
        DoubleDouble count = geometry.ElementsPerGroup;
        for (int i = 0; i < input.Length; i++)
        {
            int group = geometry.GroupOf(i);
            // Sums about an element are exactly zero for a constant group.
            if (geometry.IsCentered && !seen[group])
                (pivots[group], seen[group]) = (input[i], true);
            result.Mean[group] += (DoubleDouble)input[i] - pivots[group];
        }
        for (int group = 0; group < groups; group++)
            result.Mean[group] = geometry.IsCentered ? (result.Mean[group] / count) + pivots[group] : 0;
        for (int i = 0; i < input.Length; i++)
        {
            int group = geometry.GroupOf(i);
            DoubleDouble distance = (DoubleDouble)input[i] - result.Mean[group];
            result.Variance[group] += distance * distance;
        }
        for (int group = 0; group < groups; group++)
            result.SetVariance(group, result.Variance[group] / count, epsilon);
        return result;
    }

    /// <summary>Given statistics, as in evaluation with running ones.</summary>
    public static Reference OfStatistics(Geometry geometry, double[] input, double[] mean, double[] variance, double epsilon)
    {
        var result = new Reference(geometry, input, isFixed: true);
        for (int group = 0; group < mean.Length; group++)
        {
            result.Mean[group] = mean[group];
            result.SetVariance(group, variance[group], epsilon);
        }
        return result;
    }

    public DoubleDouble Normalized(int element)
    {
        int group = _geometry.GroupOf(element);
        return ((DoubleDouble)_input[element] - Mean[group]) * InverseStandardDeviation[group];
    }

    /// <summary>dx, dγ and dβ; a null weight stands for ones.</summary>
    public Gradients Backward(double[] outputGradient, double[]? weight)
    {
        int groups = _geometry.GroupCount;
        var gradients = new Gradients(
            new DoubleDouble[_input.Length], new DoubleDouble[_geometry.ParameterCount], new DoubleDouble[_geometry.ParameterCount]);
        DoubleDouble[] sums = new DoubleDouble[groups], products = new DoubleDouble[groups];
        DoubleDouble[] normalized = new DoubleDouble[_input.Length];
        for (int i = 0; i < _input.Length; i++)
        {
            (int group, int parameter) = (_geometry.GroupOf(i), _geometry.ParameterOf(i));
            normalized[i] = Normalized(i);
            DoubleDouble g = (DoubleDouble)outputGradient[i] * (weight?[parameter] ?? 1);
            gradients.Bias[parameter] += outputGradient[i];
            gradients.Weight[parameter] += normalized[i] * outputGradient[i];
            sums[group] += g;
            products[group] += g * normalized[i];
        }
        DoubleDouble share = (DoubleDouble)1 / _geometry.ElementsPerGroup;
        for (int i = 0; i < _input.Length; i++)
        {
            (int group, int parameter) = (_geometry.GroupOf(i), _geometry.ParameterOf(i));
            DoubleDouble g = (DoubleDouble)outputGradient[i] * (weight?[parameter] ?? 1);
            if (!_isFixed)
            {
                g -= normalized[i] * (products[group] * share);
                if (_geometry.IsCentered)
                    g -= sums[group] * share;
            }
            gradients.Input[i] = InverseStandardDeviation[group] * g;
        }
        return gradients;
    }

    private void SetVariance(int group, DoubleDouble variance, double epsilon)
    {
        Variance[group] = variance;
        DoubleDouble square = variance + epsilon;
        // Neither deviation nor epsilon: the contract says β and a gradient of zero.
        InverseStandardDeviation[group] = square.IsZero ? 0 : (DoubleDouble)1 / DoubleDouble.Sqrt(square);
    }
}

internal sealed record Gradients(DoubleDouble[] Input, DoubleDouble[] Weight, DoubleDouble[] Bias);
