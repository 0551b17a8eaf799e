using System.Numerics;

namespace Normalization.Tests;

/// <summary>The primitives on spans are the layers without their state.</summary>
public sealed class PrimitivesTests
{
    public static TheoryData<string> All => Cases.All();

    public static TheoryData<string> Tracking => Cases.Tracking();

    [Theory]
    [MemberData(nameof(All))]
    public void Training_has_the_bits_of_the_layers(string name)
    {
        Compare<float>(name);
        Compare<double>(name);
    }

    [Theory]
    [InlineData("Batch [4, 10] tracking")]
    [InlineData("Batch [4096, 37] tracking")]
    [InlineData("Batch [2, 3, 9001] tracking")]
    [InlineData("Batch [2, 3, 6, 6] plain tracking")]
    [InlineData("Batch [0, 5, 9] tracking")]
    public void Inference_has_the_bits_of_evaluation(string name)
    {
        Sample<float> sample = new Sample<float>(Cases.Named(name)).Run(isTraining: false);
        (Case item, PrimitiveCall<float> call) = (sample.Case, new(sample));
        NormalizationPrimitives.BatchNormInference<float>(
            sample.Input.Span, item.N, item.C, item.S, call.Weight, call.Bias, item.Epsilon, call.Y, sample.Running!.RunningMean!.Span,
            sample.Running.RunningVariance!.Span);
        call.Y.AsSpan().SequenceEqual(sample.Output.Span).Should().BeTrue();
        double[] mean = Values.Doubles(sample.Running.RunningMean);
        double[] reciprocal = Array.ConvertAll(Values.Doubles(sample.Running.RunningVariance), variance => 1 / Math.Sqrt(variance + item.Epsilon));
        NormalizationPrimitives.BatchNormInferenceGradient<float>(
            sample.Input.Span, sample.OutputGradient.Span, item.N, item.C, item.S, call.Weight, call.Dx, call.WeightGradient,
            call.BiasGradient, mean, reciprocal);
        call.Dx.AsSpan().SequenceEqual(sample.InputGradient.Span).Should().BeTrue();
    }

    [Theory]
    [MemberData(nameof(Tracking))]
    public void Running_statistics_have_the_bits_of_the_layers(string name)
    {
        Case item = Cases.Named(name);
        if (item.Kind != Kind.Batch)
            return;
        var sample = new Sample<float>(item);
        var call = new PrimitiveCall<float>(sample);
        float[] mean = sample.Running!.RunningMean!.Span.ToArray(), variance = sample.Running.RunningVariance!.Span.ToArray();
        sample.Layer.Forward(sample.Input, sample.Output);
        NormalizationPrimitives.BatchNormForward<float>(
            sample.Input.Span, item.N, item.C, item.S, call.Weight, call.Bias, item.Epsilon, call.Y, default, default, mean, variance,
            item.Momentum ?? 1);
        mean.Should().Equal(sample.Running.RunningMean.Span.ToArray());
        variance.Should().Equal(sample.Running.RunningVariance.Span.ToArray());
    }

    [Theory]
    [MemberData(nameof(All))]
    public void What_is_not_wanted_changes_nothing_else(string name)
    {
        var sample = new Sample<float>(Cases.Named(name));
        PrimitiveCall<float> all = new(sample), some = new(sample);
        all.Forward(sample);
        all.Backward(sample);
        some.Forward(sample, withStatistics: false);
        some.Y.AsSpan().SequenceEqual(all.Y).Should().BeTrue();
        all.Mean.CopyTo(some.Mean.AsSpan());
        all.InverseStandardDeviation.CopyTo(some.InverseStandardDeviation.AsSpan());
        some.Backward(sample, withParameters: false);
        // Without parameter gradients another kernel may run: the same numbers, though not the same bits.
        double floor = Values.Doubles(new Tensor<float>(all.Dx, all.Dx.Length)).Select(Math.Abs).DefaultIfEmpty(0).Max();
        Values.Distance(Array.ConvertAll(some.Dx, double.CreateChecked), Array.ConvertAll(all.Dx, double.CreateChecked), Math.Max(floor, 1e-6)).Should()
            .BeLessThan(3e-7);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Moments_are_the_mean_and_the_biased_variance(string name)
    {
        Case item = Cases.Named(name);
        if (item.Kind == Kind.Rms || item.Length == 0)
            return;
        var sample = new Sample<double>(item);
        var reference = Reference.Of(sample);
        double[] mean = new double[reference.Mean.Length], variance = new double[reference.Mean.Length];
        PrimitiveCall<double>.Moments(sample, mean, variance);
        Values.Distance(mean, reference.Mean, static _ => 1).Should().BeLessThan(1e-13);
        Values.Distance(variance, reference.Variance).Should().BeLessThan(1e-13);
    }

    [Fact]
    public void Moments_of_nothing_are_NaN()
    {
        double[] mean = [1, 2, 3], variance = [4, 5, 6];
        NormalizationPrimitives.BatchNormMoments<float>(default, 0, 3, 5, mean, variance);
        mean.Concat(variance).Should().OnlyContain(static value => double.IsNaN(value));
    }

    [Fact]
    public void An_empty_batch_leaves_the_running_statistics()
    {
        float[] mean = [1, 2, 3], variance = [4, 5, 6];
        NormalizationPrimitives.BatchNormForward<float>(default, 0, 3, 5, default, default, 1e-5, default, default, default, mean, variance, 0.5);
        mean.Should().Equal(1, 2, 3);
        variance.Should().Equal(4, 5, 6);
    }

    [Fact]
    public void A_size_of_zero_is_nothing_to_do()
    {
        NormalizationPrimitives.BatchNormForward<float>(default, 0, 0, 0, default, default, 0, default, default, default, default, default, 0.1);
        NormalizationPrimitives.GroupNormForward<float>(default, 0, 6, 5, 3, default, default, 0, default, default, default);
        NormalizationPrimitives.LayerNormForward<float>(default, 0, 5, default, default, 0, default, default, default);
        NormalizationPrimitives.LayerNormForward<float>(default, 5, 0, default, default, 0, default, default, default);
        NormalizationPrimitives.RmsNormForward<double>(default, 0, 5, default, 0, default, default);
        NormalizationPrimitives.LayerNormGradient<float>(default, default, 0, 5, default, default, default, default, default, default);
    }

    [Fact]
    public void Forward_and_backward_work_in_place()
    {
        float[] x = Sample<float>.Normal([5, 37], 1, 2, 3).Span.ToArray(), y = new float[x.Length];
        NormalizationPrimitives.LayerNormForward<float>(x, 5, 37, default, default, 1e-5, y, default, default);
        float[] inPlace = [.. x];
        NormalizationPrimitives.LayerNormForward<float>(inPlace, 5, 37, default, default, 1e-5, inPlace, default, default);
        inPlace.Should().Equal(y);
    }

    [Fact]
    public void An_empty_span_means_none_wherever_it_points()
    {
        float[] x = [1, 2, 3, 4], y = new float[4], expected = new float[4];
        NormalizationPrimitives.LayerNormForward<float>(x, 2, 2, default, default, 0, expected, default, default);
        NormalizationPrimitives.LayerNormForward<float>(x, 2, 2, y.AsSpan(2, 0), y.AsSpan(1, 0), 0, y, default, default);
        y.Should().Equal(expected);
    }

    [Fact]
    public void Only_a_weight_or_only_a_bias_can_be_given()
    {
        float[] x = [1, 3, -1, 1], y = new float[4];
        NormalizationPrimitives.LayerNormForward<float>(x, 2, 2, [2, 3], default, 0, y, default, default);
        y.Should().Equal(-2, 3, -2, 3);
        NormalizationPrimitives.LayerNormForward<float>(x, 2, 2, default, [10, 20], 0, y, default, default);
        y.Should().Equal(9, 21, 9, 21);
        NormalizationPrimitives.BatchNormForward<float>([1, 3, -1, 1], 2, 2, 1, default, [10, 20], 0, y, default, default, default, default, 0.1);
        y.Should().Equal(11, 21, 9, 19);
        NormalizationPrimitives.GroupNormForward<float>(x, 1, 2, 2, 1, default, [10, 20], 0, y, default, default);
        Values.Distance(Array.ConvertAll(y, static value => (double)value), [10, 10 + Math.Sqrt(2), 20 - Math.Sqrt(2), 20]).Should()
            .BeLessThan(1e-7);
        float[] dx = new float[4], biasGradient = new float[2];
        NormalizationPrimitives.LayerNormGradient<float>(x, [1, 2, 3, 4], 2, 2, default, dx, default, biasGradient, [2, 0], [1, 1]);
        biasGradient.Should().Equal(4, 6);
    }

    private static void Compare<T>(string name) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var sample = new Sample<T>(Cases.Named(name));
        var call = new PrimitiveCall<T>(sample);
        call.Forward(sample);
        call.Backward(sample);
        sample.Run();
        call.Y.AsSpan().SequenceEqual(sample.Output.Span).Should().BeTrue("of y");
        int groups = sample.Case.Length == 0 ? 0 : sample.Context.GroupCount;
        for (int g = 0; g < groups; g++)
        {
            (call.Mean.Length == 0 ? 0 : call.Mean[g]).Should().Be(sample.Context.GetMean(g));
            call.InverseStandardDeviation[g].Should().Be(sample.Context.GetInverseStandardDeviation(g));
        }
        // A mean saved as one double has lost its meanLow, half an ulp of it: float keeps its bits but for their last.
        double tolerance = typeof(T) == typeof(float) ? 2e-7 : 1e-13;
        double floor = Math.Max(1e-300, Values.Doubles(sample.OutputGradient).Select(Math.Abs).DefaultIfEmpty(0).Max());
        Values.Distance(Doubles(call.Dx), Values.Doubles(sample.InputGradient), floor).Should().BeLessThan(tolerance, "of dx");
        Values.Distance(Doubles(call.WeightGradient), Values.Doubles(sample.Layer.Weight?.Gradient), floor).Should()
            .BeLessThan(tolerance, "of γ");
        call.BiasGradient.AsSpan().SequenceEqual(sample.Layer.Bias is null ? [] : sample.Layer.Bias.Gradient.Span).Should().BeTrue("of β");
    }

    private static double[] Doubles<T>(T[] values) where T : unmanaged, IBinaryFloatingPointIeee754<T> => Array.ConvertAll(values, double.CreateChecked);
}
