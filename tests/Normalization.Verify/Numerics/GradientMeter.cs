namespace Normalization.Verify.Numerics;

/// <summary>How far gradients are from the exact ones, each relative to what it is a difference or a sum of.</summary>
internal sealed class GradientMeter
{
    private readonly Measurement _result;
    private readonly Reference _exact;
    private readonly Geometry _geometry;
    private readonly double[] _dy;
    private readonly double[] _weight;
    private readonly Gradients _gradients;

    public GradientMeter(Measurement result, Reference exact, double[] dy, double[]? weight)
    {
        (_result, _exact, _geometry, _dy) = (result, exact, result.Case.Geometry, dy);
        _weight = weight ?? [.. Enumerable.Repeat(1.0, _geometry.ParameterCount)];
        _gradients = exact.Backward(dy, weight);
    }

    private bool SubtractsMean => _geometry.IsCentered && _exact.IsOfInput;

    /// <summary>
    /// The norm of a group's error over the larger of ‖r · γ · (dy - m(dy))‖ and ‖r · (g - m(g))‖, g = γ · dy; the worst group. Where dy is
    /// the same all over, what is left of it is judged by what the double sums of floats can keep of ‖r · g‖.
    /// </summary>
    public double OfInput(double[] actual)
    {
        int groups = _geometry.GroupCount;
        double[] error = new double[groups], ofGradient = new double[groups], ofProduct = new double[groups], whole = new double[groups];
        double[] meanGradient = Means(i => _dy[i]), meanProduct = Means(i => _weight[_geometry.ParameterOf(i)] * _dy[i]);
        for (int i = 0; i < actual.Length; i++)
        {
            // A gradient that no element can hold is rightly infinite.
            if (Math.Abs(_gradients.Input[i].High) > _result.Precision.Largest)
                return 0;
            int group = _geometry.GroupOf(i);
            double weight = _weight[_geometry.ParameterOf(i)], r = _exact.InverseStandardDeviation[group].High;
            error[group] += Square((double)(_gradients.Input[i] - actual[i]));
            whole[group] += Square(r * weight * _dy[i]);
            ofGradient[group] += Square(r * weight * (_dy[i] - meanGradient[group]));
            ofProduct[group] += Square(r * ((weight * _dy[i]) - meanProduct[group]));
        }
        double worst = 0, floor = _result.Precision.NormFloor((int)_geometry.ElementsPerGroup);
        for (int group = 0; group < groups; group++)
        {
            double least = Math.Max(floor, _result.Precision.GradientFloor * Math.Sqrt(whole[group]));
            double scale = Math.Max(Math.Max(Math.Sqrt(ofGradient[group]), Math.Sqrt(ofProduct[group])), least);
            worst = Math.Max(worst, error[group] == 0 ? 0 : Math.Sqrt(error[group]) / scale);
        }
        return worst;
    }

    /// <summary>
    /// The error of dγ over ‖x̂‖ · ‖dy - m(dy)‖ where x̂ sums to zero over what it sums over (BatchNorm, InstanceNorm), over Σ|dy · x̂| for
    /// rows and given statistics, and over the larger of the two for GroupNorm.
    /// </summary>
    public double OfWeight(double[] actual)
    {
        int parameters = _geometry.ParameterCount;
        double[] count = new double[parameters], sum = new double[parameters];
        double[] inputSquares = new double[parameters], squares = new double[parameters], magnitudes = new double[parameters];
        for (int i = 0; i < _dy.Length; i++)
        {
            int parameter = _geometry.ParameterOf(i);
            // A mean within 2⁻²³ deviations is all that is promised, so an x̂ near zero counts as one deviation.
            double normalized = Math.Abs(_exact.Normalized(i).High), magnitude = Math.Max(normalized, 1);
            double ofNorm = Math.Max(normalized, _result.Precision.DeviationFloor);
            (count[parameter], sum[parameter]) = (count[parameter] + 1, sum[parameter] + _dy[i]);
            inputSquares[parameter] += ofNorm * ofNorm;
            magnitudes[parameter] += magnitude * Math.Abs(_dy[i]);
        }
        for (int i = 0; i < _dy.Length; i++)
            squares[_geometry.ParameterOf(i)] += Square(_dy[i] - (sum[_geometry.ParameterOf(i)] / count[_geometry.ParameterOf(i)]));
        bool isWholeGroup = _geometry.Kind is LayerKind.BatchNorm or LayerKind.InstanceNorm;
        return Worst(actual, _gradients.Weight, i => _geometry.IsRows || !_exact.IsOfInput
            ? magnitudes[i]
            : Math.Max(
                Math.Sqrt(inputSquares[i] * squares[i]),
                isWholeGroup ? _result.Precision.GradientFloor * magnitudes[i] : magnitudes[i]));
    }

    /// <summary>The error of dβ over Σ|dy|.</summary>
    public double OfBias(double[] actual)
    {
        double[] magnitudes = new double[_geometry.ParameterCount];
        for (int i = 0; i < _dy.Length; i++)
            magnitudes[_geometry.ParameterOf(i)] += Math.Abs(_dy[i]);
        return Worst(actual, _gradients.Bias, i => magnitudes[i]);
    }

    private static double Square(double value) => value * value;

    private double Worst(double[] actual, DoubleDouble[] expected, Func<int, double> scale)
    {
        double worst = 0, floor = _result.Precision.NormFloor(1);
        for (int i = 0; i < actual.Length; i++)
        {
            double error = (double)DoubleDouble.Abs(expected[i] - actual[i]);
            if (error != 0 && Math.Abs(expected[i].High) <= _result.Precision.Largest)
                worst = Math.Max(worst, error / Math.Max(scale(i), floor));
        }
        return worst;
    }

    private double[] Means(Func<int, double> value)
    {
        double[] means = new double[_geometry.GroupCount];
        if (!SubtractsMean)
            return means;
        for (int i = 0; i < _dy.Length; i++)
            means[_geometry.GroupOf(i)] += value(i) / _geometry.ElementsPerGroup;
        return means;
    }
}
