using System.Numerics;

namespace Normalization.Verify.Numerics;

/// <summary>One layer on one tensor.</summary>
internal sealed record AccuracyCase(Geometry Geometry, Distribution Distribution, double Epsilon, bool Affine, bool Fixed = false)
{
    public string Layer => Fixed ? $"{Geometry.Kind} eval" : $"{Geometry.Kind}";

    public override string ToString() =>
        $"{Geometry}{(Fixed ? " eval" : "")}{(Affine ? "" : " without affine")}, {Distribution.Name}, epsilon {Epsilon:g}";
}

/// <summary>How far the layer was from the exact results, in the units of <see cref="Precision"/>.</summary>
internal sealed record Measurement(AccuracyCase Case, Precision Precision)
{
    public double Output { get; set; }

    /// <summary>Gets or sets the same for PyTorch's formulas with PyTorch's defaults; infinite where they overflow.</summary>
    public double Peer { get; set; }

    public double Statistics { get; set; }

    public double Running { get; set; }

    public double InputGradient { get; set; }

    public double ParameterGradient { get; set; }

    public List<string> Broken { get; } = [];

    public void Judge()
    {
        Limit("output", Output, Precision.OutputLimit);
        Limit("statistics", Statistics, Precision.StatisticsLimit);
        Limit("running statistics", Running, Precision.RunningLimit);
        Limit("input gradient", InputGradient, Precision.GradientLimit);
        Limit("parameter gradient", ParameterGradient, Precision.GradientLimit);
    }

    private void Limit(string what, double value, double limit)
    {
        if (!(value <= limit))
            Broken.Add($"{what} {value:g3} > {limit:g3}");
    }
}

/// <summary>Runs a case and compares every result with the reference.</summary>
internal static class AccuracyMeter
{
    private const double Momentum = 0.1;
    private const double OldMean = 0.25;
    private const double OldVariance = 0.75;

    public static Measurement Measure<T>(AccuracyCase @case, int seed) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Geometry geometry = @case.Geometry;
        var trial = new Trial<T>(geometry, @case.Epsilon, @case.Affine, track: geometry.Kind == LayerKind.BatchNorm);
        FillInput(trial, @case.Distribution, new Random(seed));
        var result = new Measurement(@case, Precision.Of<T>());
        double[] x = Values.ToDoubles<T>(trial.Input.Span);
        var exact = Reference.OfInput(geometry, x, @case.Epsilon);
        if (trial.Running is { RunningMean: { } mean, RunningVariance: { } variance })
        {
            mean.Fill(T.CreateTruncating(OldMean));
            variance.Fill(T.CreateTruncating(OldVariance));
            if (@case.Fixed)
            {
                FixStatistics(exact, mean, variance);
                exact = Reference.OfStatistics(
                    geometry, x, Values.ToDoubles<T>(mean.Span), Values.ToDoubles<T>(variance.Span), @case.Epsilon);
                trial.Layer.Eval();
            }
        }
        var context = new ForwardContext<T>();
        trial.Layer.Forward(trial.Input, trial.Output, context);
        trial.Layer.Backward(trial.OutputGradient, trial.InputGradient, context);
        double[]? weight = trial.Layer.Weight is { } w ? Values.ToDoubles<T>(w.Value.Span) : null;
        double[]? bias = trial.Layer.Bias is { } b ? Values.ToDoubles<T>(b.Value.Span) : null;
        MeasureOutput(result, exact, Values.ToDoubles<T>(trial.Output.Span), weight, bias);
        if (!@case.Fixed)
            MeasureStatistics(result, exact, trial, context);
        MeasureGradients(result, exact, trial, weight);
        if (typeof(T) == typeof(float) && @case is { Fixed: false, Affine: true, Epsilon: 1e-5 })
            MeasurePeer(result, exact, x, weight, bias);
        if (!@case.Distribution.IsBeyond)
            result.Judge();
        return result;
    }

    private static void FillInput<T>(Trial<T> trial, Distribution distribution, Random random)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double[] values = new double[trial.Geometry.ElementsPerGroup];
        Span<T> x = trial.Input.Span;
        int[] next = new int[trial.Geometry.GroupCount];
        var groups = new double[next.Length][];
        for (int group = 0; group < groups.Length; group++)
        {
            distribution.Fill(values, random);
            groups[group] = [.. values];
        }
        for (int i = 0; i < x.Length; i++)
        {
            int group = trial.Geometry.GroupOf(i);
            x[i] = T.CreateTruncating(groups[group][next[group]++]);
        }
    }

    private static void FixStatistics<T>(Reference exact, Tensor<T> mean, Tensor<T> variance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int group = 0; group < mean.Length; group++)
        {
            mean.Span[group] = T.CreateTruncating((double)exact.Mean[group]);
            variance.Span[group] = T.CreateTruncating(Math.Min((double)exact.Variance[group], 1e35));
        }
    }

    private static void MeasureOutput(Measurement result, Reference exact, double[] y, double[]? weight, double[]? bias)
    {
        bool isConstant = result.Case.Distribution.IsConstant && result.Case.Geometry.IsCentered && !result.Case.Fixed;
        for (int i = 0; i < y.Length; i++)
        {
            (double error, double expected) = ScaledError(result, exact, i, y[i], weight, bias);
            if (!double.IsFinite(y[i]) && Math.Abs(expected) <= result.Precision.Largest)
                result.Broken.Add($"element {i} is {y[i]} instead of {expected:g9}");
            else if (double.IsFinite(y[i]))
                result.Output = Math.Max(result.Output, error);
            if (isConstant && y[i] != expected)
                result.Broken.Add($"element {i} of a constant group is {y[i]:g9} instead of {expected:g9}");
            if (result.Broken.Count > 0)
                return;
        }
    }

    private static (double Error, double Expected) ScaledError(
        Measurement result, Reference exact, int i, double y, double[]? weight, double[]? bias)
    {
        int parameter = result.Case.Geometry.ParameterOf(i);
        (double gamma, double beta) = (weight?[parameter] ?? 1, bias?[parameter] ?? 0);
        DoubleDouble scaled = exact.Normalized(i) * gamma, expected = scaled + beta;
        double magnitude = Math.Max(Math.Max(Math.Abs(scaled.High), Math.Abs(beta)), Math.Abs(expected.High));
        magnitude = Math.Max(magnitude, Math.Abs(gamma) * result.Precision.DeviationFloor);
        return ((double)DoubleDouble.Abs(expected - y) / result.Precision.StoredUnitAt(magnitude), (double)expected);
    }

    private static void MeasureStatistics<T>(Measurement result, Reference exact, Trial<T> trial, ForwardContext<T> context)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        (Geometry geometry, Precision precision) = (result.Case.Geometry, result.Precision);
        int groups = geometry.GroupCount;
        double[] variances = new double[groups];
        Moments(geometry, trial.Input.Span, new double[groups], variances);
        for (int group = 0; group < groups; group++)
        {
            double mean = exact.Mean[group].High, variance = exact.Variance[group].High, r = exact.ReciprocalDeviation[group].High;
            double meanUnit = precision.UnitAt(Math.Max(Math.Abs(mean), precision.DeviationFloor * Math.Sqrt(variance)));
            Compare(exact.Mean[group], context.GetMean(group), meanUnit);
            Compare(exact.ReciprocalDeviation[group], context.GetReciprocalDeviation(group), precision.UnitAt(r));
            if (geometry.IsCentered)
                Compare(exact.Variance[group], variances[group], precision.UnitAt(variance));
            if (variances[group] < 0)
                result.Broken.Add($"the variance {variances[group]:g3} is negative");
            if (trial.Running is { RunningMean: { } runningMean, RunningVariance: { } runningVariance })
            {
                DoubleDouble count = geometry.ElementsPerGroup;
                CompareRunning(OldMean, exact.Mean[group], runningMean.Span[group], precision.DeviationFloor * Math.Sqrt(variance));
                CompareRunning(OldVariance, exact.Variance[group] * (count / (count - 1)), runningVariance.Span[group], 0);
            }
        }

        void Compare(DoubleDouble expected, double actual, double unit)
        {
            double error = (double)DoubleDouble.Abs(expected - actual);
            result.Statistics = Math.Max(result.Statistics, error == 0 ? 0 : error / unit);
        }

        void CompareRunning(double old, DoubleDouble batch, T actual, double floor)
        {
            DoubleDouble gain = batch * Momentum, expected = (((DoubleDouble)1 - Momentum) * old) + gain;
            if (Math.Abs(expected.High) > precision.Largest)
                return;
            double magnitude = Math.Max(Math.Max(Math.Abs(gain.High), floor), Math.Max(old, Math.Abs(expected.High)));
            double error = (double)DoubleDouble.Abs(expected - double.CreateTruncating(actual)) / precision.StoredUnitAt(magnitude);
            result.Running = Math.Max(result.Running, error);
        }
    }

    private static void Moments<T>(Geometry geometry, ReadOnlySpan<T> x, double[] mean, double[] variance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (geometry.Kind == LayerKind.BatchNorm)
            NormalizationPrimitives.BatchNormMoments(x, geometry.N, geometry.C, geometry.S, mean, variance);
        else if (geometry.IsRows)
            NormalizationPrimitives.LayerNormMoments(x, geometry.N, geometry.S, mean, variance);
        else
            NormalizationPrimitives.GroupNormMoments(x, geometry.N, geometry.C, geometry.S, geometry.Groups, mean, variance);
    }

    private static void MeasureGradients<T>(Measurement result, Reference exact, Trial<T> trial, double[]? weight)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double[] dy = Values.ToDoubles<T>(trial.OutputGradient.Span);
        Gradients gradients = exact.Backward(dy, weight);
        double scale = 0;
        for (int i = 0; i < dy.Length; i++)
        {
            double g = dy[i] * (weight?[result.Case.Geometry.ParameterOf(i)] ?? 1);
            double term = exact.ReciprocalDeviation[result.Case.Geometry.GroupOf(i)].High * g;
            scale += term * term;
        }
        // Where the projections cancel all but a rest of r·g, the rest is judged by what a double could keep of it.
        double floor = result.Precision.GradientFloor * Math.Sqrt(scale);
        result.InputGradient = RelativeNorm(result, trial.InputGradient.Span, gradients.Input, floor);
        double weightGradient = trial.Layer.Weight is { } w ? RelativeNorm(result, w.Gradient.Span, gradients.Weight, 0) : 0;
        double biasGradient = trial.Layer.Bias is { } b ? RelativeNorm(result, b.Gradient.Span, gradients.Bias, 0) : 0;
        result.ParameterGradient = Math.Max(weightGradient, biasGradient);
    }

    private static double RelativeNorm<T>(Measurement result, ReadOnlySpan<T> actual, DoubleDouble[] expected, double floor)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double error = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            // A gradient that no element can hold is rightly infinite.
            if (Math.Abs(expected[i].High) > result.Precision.Largest)
                return 0;
            double difference = (double)(expected[i] - double.CreateTruncating(actual[i])), value = (double)expected[i];
            error += difference * difference;
            norm += value * value;
        }
        floor = Math.Max(floor, result.Precision.NormFloor(expected.Length));
        return error == 0 ? 0 : Math.Sqrt(error) / Math.Max(Math.Sqrt(norm), floor);
    }

    private static void MeasurePeer(Measurement result, Reference exact, double[] x, double[]? weight, double[]? bias)
    {
        Geometry geometry = result.Case.Geometry;
        var members = Enumerable.Range(0, geometry.GroupCount).Select(_ => new List<int>()).ToArray();
        for (int i = 0; i < x.Length; i++)
            members[geometry.GroupOf(i)].Add(i);
        foreach (List<int> group in members)
        {
            float[] y = new float[group.Count];
            PeerFormulas.Normalize(geometry.Kind, Floats(i => x[i]), Parameters(weight), Parameters(bias), (float)result.Case.Epsilon, y);
            for (int i = 0; i < y.Length; i++)
            {
                double error = float.IsFinite(y[i]) ? ScaledError(result, exact, group[i], y[i], weight, bias).Error : double.PositiveInfinity;
                result.Peer = Math.Max(result.Peer, error);
            }

            float[] Floats(Func<int, double> value) => [.. group.Select(i => (float)value(i))];

            float[]? Parameters(double[]? parameter) => parameter is null ? null : Floats(i => parameter[geometry.ParameterOf(i)]);
        }
    }
}
