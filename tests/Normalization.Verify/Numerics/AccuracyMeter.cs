using System.Numerics;

namespace Normalization.Verify.Numerics;

/// <summary>Runs a case and compares every result with the reference.</summary>
internal static class AccuracyMeter
{
    private const double Momentum = 0.1;
    private const double OldMean = 0.25;
    private const double OldVariance = 0.75;
    private const double CommonPart = 1e5;
    private const int LargestExponent = 1000;

    public static Measurement Measure<T>(AccuracyCase @case, int seed) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Geometry geometry = @case.Geometry;
        var trial = new Trial<T>(geometry, @case.Epsilon, @case.Affine, track: geometry.Kind == LayerKind.BatchNorm && @case.Scales is null);
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
        double[]? weight = trial.Layer.Weight is { } w ? Values.ToDoubles<T>(w.Value.Span) : null;
        double[]? bias = trial.Layer.Bias is { } b ? Values.ToDoubles<T>(b.Value.Span) : null;
        Scales scales = @case.Scales ?? new();
        Scale(trial.Input.Span, scales.Input);
        Scale(trial.Layer.Weight is { } scaledWeight ? scaledWeight.Value.Span : default, scales.Weight);
        Scale(trial.Layer.Bias is { } scaledBias ? scaledBias.Value.Span : default, scales.Bias);
        var context = new ForwardContext<T>();
        trial.Layer.Forward(trial.Input, trial.Output, context);
        FillOutputGradient(trial, @case.OutputGradient);
        double[] dy = Values.ToDoubles<T>(trial.OutputGradient.Span);
        Scale(trial.OutputGradient.Span, scales.OutputGradient);
        trial.Layer.Backward(trial.OutputGradient, trial.InputGradient, context);
        // What y and dx are multiplied by: the scales of γ and β may differ, the larger one is that of y.
        int gamma = weight is null ? 0 : scales.Weight, output = bias is null ? gamma : Math.Max(gamma, scales.Bias);
        MeasureOutput(result, exact, Scaled(trial.Output, -output), Scaled(weight, gamma - output), Scaled(bias, scales.Bias - output));
        if (!@case.Fixed && @case.Scales is null)
            MeasureStatistics(result, exact, trial, context);
        var meter = new GradientMeter(result, exact, dy, weight);
        if (Math.Abs(scales.OutputGradient + gamma - scales.Input) <= LargestExponent)
            result.InputGradient = meter.OfInput(Scaled(trial.InputGradient, -(scales.OutputGradient + gamma - scales.Input)));
        if (weight is not null)
            result.ParameterGradient = meter.OfWeight(Scaled(trial.Layer.Weight!.Gradient, -scales.OutputGradient));
        if (bias is not null)
            result.ParameterGradient = Math.Max(result.ParameterGradient, meter.OfBias(Scaled(trial.Layer.Bias!.Gradient, -scales.OutputGradient)));
        if (typeof(T) == typeof(float) && @case is { Fixed: false, Affine: true, Epsilon: 1e-5, OutputGradient: OutputGradientKind.Random })
            MeasurePeer(result, exact, x, weight, bias);
        if (!@case.Distribution.IsBeyond)
            result.Judge();
        return result;
    }

    private static void Scale<T>(Span<T> values, int exponent) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < values.Length && exponent != 0; i++)
            values[i] = T.ScaleB(values[i], exponent);
    }

    private static double[] Scaled<T>(Tensor<T> values, int exponent) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Scaled(Values.ToDoubles<T>(values.Span), exponent)!;

    private static double[]? Scaled(double[]? values, int exponent) =>
        values is null || exponent == 0 ? values : Array.ConvertAll(values, value => Math.ScaleB(value, exponent));

    private static void FillOutputGradient<T>(Trial<T> trial, OutputGradientKind kind) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ReadOnlySpan<T> x = trial.Input.Span, y = trial.Output.Span;
        Span<T> dy = trial.OutputGradient.Span;
        for (int i = 0; i < dy.Length; i++)
        {
            dy[i] = kind switch
            {
                OutputGradientKind.Output => y[i],
                OutputGradientKind.Difference => (y[i] - x[i]) * T.CreateTruncating(2),
                OutputGradientKind.Common => dy[i] + T.CreateTruncating(CommonPart),
                _ => dy[i],
            };
        }
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
        DoubleDouble normalized = exact.Normalized(i), expected = (normalized * gamma) + beta;
        double scale = Math.Max(Math.Abs(gamma) * Math.Max(1, Math.Abs(normalized.High)), Math.Abs(beta));
        return ((double)DoubleDouble.Abs(expected - y) / result.Precision.OutputUnit(scale), (double)expected);
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
            double mean = exact.Mean[group].High, variance = exact.Variance[group].High, r = exact.InverseStandardDeviation[group].High;
            Compare(exact.Mean[group], context.GetMean(group), precision.MeanUnit(mean, Math.Sqrt(variance)));
            Compare(exact.InverseStandardDeviation[group], context.GetInverseStandardDeviation(group), precision.DeviationUnit(r));
            if (geometry.IsCentered)
                Compare(exact.Variance[group], variances[group], precision.DeviationUnit(variance));
            if (variances[group] < 0)
                result.Broken.Add($"the variance {variances[group]:g3} is negative");
            if (trial.Running is { RunningMean: { } runningMean, RunningVariance: { } runningVariance })
            {
                DoubleDouble count = geometry.ElementsPerGroup;
                CompareRunning(OldMean, exact.Mean[group], runningMean.Span[group], Momentum * Math.Sqrt(variance));
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
