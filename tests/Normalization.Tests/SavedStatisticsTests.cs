namespace Normalization.Tests;

/// <summary>The gradients of the primitives from statistics that were saved in double, in the element type, or not at all.</summary>
public sealed class SavedStatisticsTests
{
    private const double Epsilon = 1e-3;
    private const int N = 5, C = 6, S = 7, Groups = 3;

    private static readonly float[] _x = Tensor<float>.RandomNormal([N, C, S], 1, mean: 50).Span.ToArray();
    private static readonly float[] _dy = Tensor<float>.RandomNormal([N, C, S], 2, mean: 1).Span.ToArray();
    private static readonly float[] _weight = Tensor<float>.RandomNormal([C], 3).Span.ToArray();
    private static readonly float[] _rowWeight = Tensor<float>.RandomNormal([C * S], 4).Span.ToArray();

    [Fact]
    public void A_gradient_that_saves_nothing_has_the_bits_of_the_layer()
    {
        var batch = new BatchNorm1d<float>(C, Epsilon);
        float[] dx = new float[_x.Length], dw = new float[C], db = new float[C];
        NormalizationPrimitives.BatchNormGradient<float>(_x, _dy, N, C, S, _weight, Epsilon, dx, dw, db);
        RequireBits(batch, [N, C, S], _weight, dx, dw, db);
        (dw, db) = (new float[C], new float[C]);
        NormalizationPrimitives.GroupNormGradient<float>(_x, _dy, N, C, S, Groups, _weight, Epsilon, dx, dw, db);
        RequireBits(new GroupNorm<float>(Groups, C, Epsilon), [N, C, S], _weight, dx, dw, db);
        (dw, db) = (new float[C * S], new float[C * S]);
        NormalizationPrimitives.LayerNormGradient<float>(_x, _dy, N, C * S, _rowWeight, Epsilon, dx, dw, db);
        RequireBits(new LayerNorm<float>(C * S, Epsilon), [N, C * S], _rowWeight, dx, dw, db);
        dw = new float[C * S];
        NormalizationPrimitives.RmsNormGradient<float>(_x, _dy, N, C * S, _rowWeight, Epsilon, dx, dw);
        RequireBits(new RmsNorm<float>(C * S, Epsilon), [N, C * S], _rowWeight, dx, dw, null);
    }

    [Fact]
    public void A_gradient_of_fixed_statistics_takes_what_inference_was_given()
    {
        var layer = new BatchNorm1d<float>(C, Epsilon) { UseRunningStatistics = true };
        Tensor<float>.RandomNormal([C], 5, mean: 49).CopyTo(layer.RunningMean!);
        layer.RunningVariance!.Fill(2.5f);
        float[] dx = new float[_x.Length], dw = new float[C], db = new float[C];
        NormalizationPrimitives.BatchNormInferenceGradient<float>(
            _x, _dy, N, C, S, _weight, Epsilon, dx, dw, db, layer.RunningMean!.Span, layer.RunningVariance.Span);
        RequireBits(layer, [N, C, S], _weight, dx, dw, db);
    }

    [Fact]
    public void Statistics_saved_in_the_element_type_are_those_of_double_rounded_once()
    {
        float[] y = new float[_x.Length], mean = new float[N], deviation = new float[N], narrow = new float[_x.Length], dx = new float[_x.Length];
        double[] exactMean = new double[N], exactDeviation = new double[N];
        NormalizationPrimitives.LayerNormForward<float>(_x, N, C * S, default, default, Epsilon, y, exactMean, exactDeviation);
        NormalizationPrimitives.LayerNormForward<float>(_x, N, C * S, default, default, Epsilon, y, mean, deviation);
        mean.Should().Equal(exactMean.Select(static value => (float)value));
        deviation.Should().Equal(exactDeviation.Select(static value => (float)value));
        NormalizationPrimitives.LayerNormGradient<float>(_x, _dy, N, C * S, _rowWeight, dx, default, default, exactMean, exactDeviation);
        NormalizationPrimitives.LayerNormGradient<float>(_x, _dy, N, C * S, _rowWeight, narrow, default, default, mean, deviation);
        for (int i = 0; i < dx.Length; i++)
            narrow[i].Should().BeApproximately(dx[i], 1e-4f, "μ / σ is about 50, and 2⁻²⁴ of it is lost");
    }

    [Fact]
    public void Every_primitive_saves_in_both_types_and_takes_what_it_saved()
    {
        float[] y = new float[_x.Length], m = new float[N * Groups], r = new float[N * Groups], dx = new float[_x.Length];
        float[] running = new float[C], variance = new float[C];
        NormalizationPrimitives.BatchNormForward<float>(
            _x, N, C, S, _weight, default, Epsilon, y, m.AsSpan(0, C), r.AsSpan(0, C), running, variance, momentum: 1);
        m.AsSpan(0, C).ToArray().Should().Equal(running);
        NormalizationPrimitives.BatchNormGradient<float>(_x, _dy, N, C, S, _weight, dx, default, default, m.AsSpan(0, C), r.AsSpan(0, C));
        RequireNear(dx, new BatchNorm1d<float>(C, Epsilon), [N, C, S], _weight);
        NormalizationPrimitives.BatchNormInferenceGradient<float>(_x, _dy, N, C, S, _weight, dx, default, default, m.AsSpan(0, C), r.AsSpan(0, C));
        dx[0].Should().BeApproximately(_weight[0] * r[0] * _dy[0], 1e-5f);
        NormalizationPrimitives.GroupNormForward<float>(_x, N, C, S, Groups, _weight, default, Epsilon, y, m, r);
        NormalizationPrimitives.GroupNormGradient<float>(_x, _dy, N, C, S, Groups, _weight, dx, default, default, m, r);
        RequireNear(dx, new GroupNorm<float>(Groups, C, Epsilon), [N, C, S], _weight);
        NormalizationPrimitives.RmsNormForward<float>(_x, N, C * S, _rowWeight, Epsilon, y, r.AsSpan(0, N));
        NormalizationPrimitives.RmsNormGradient<float>(_x, _dy, N, C * S, _rowWeight, dx, default, r.AsSpan(0, N));
        RequireNear(dx, new RmsNorm<float>(C * S, Epsilon), [N, C * S], _rowWeight);
    }

    [Fact]
    public void Wrong_arguments_of_a_gradient_that_saves_nothing_are_refused_before_anything_is_written()
    {
        float[] dx = new float[_x.Length];
        FluentActions.Invoking(() => NormalizationPrimitives.BatchNormGradient<float>(_x, _dy, 1, _x.Length, 1, default, 1, dx, default, default))
            .Should().Throw<ArgumentException>().WithMessage("*more than one value*");
        FluentActions.Invoking(() => NormalizationPrimitives.LayerNormGradient<float>(_x, _dy, N, C * S, default, -1, dx, default, default))
            .Should().Throw<ArgumentOutOfRangeException>().WithMessage("*epsilon*");
        FluentActions.Invoking(() => NormalizationPrimitives.BatchNormInferenceGradient<float>(
            _x, _dy, N, C, S, default, 1, dx, default, default, dx.AsSpan(0, C), new float[C])).Should().Throw<ArgumentException>().WithMessage("dx*");
        FluentActions.Invoking(() => NormalizationPrimitives.LayerNormGradient<float>(
            _x, _dy, N, C * S, default, dx, default, default, dx.AsSpan(0, N), new float[N])).Should().Throw<ArgumentException>().WithMessage("dx*");
        dx.Should().OnlyContain(static value => value == 0);
        float[] mean = new float[3], deviation = new float[3];
        NormalizationPrimitives.BatchNormForward<float>(default, 0, 3, 5, default, default, 1e-5, default, mean, deviation, default, default, 0.1);
        mean.Should().OnlyContain(static value => float.IsNaN(value));
    }

    private static void RequireBits(NormalizationLayer<float> layer, int[] shape, float[] weight, float[] dx, float[] dw, float[]? db)
    {
        float[] expected = Backward(layer, shape, weight);
        Values.Bits(new Tensor<float>(dx)).Should().Equal(Values.Bits(new Tensor<float>(expected)), "of {0}", layer);
        Values.Bits(new Tensor<float>(dw)).Should().Equal(Values.Bits(layer.Weight!.Gradient), "of {0}", layer);
        if (db is not null)
            Values.Bits(new Tensor<float>(db)).Should().Equal(Values.Bits(layer.Bias!.Gradient), "of {0}", layer);
    }

    private static void RequireNear(float[] dx, NormalizationLayer<float> layer, int[] shape, float[] weight)
    {
        float[] expected = Backward(layer, shape, weight);
        for (int i = 0; i < dx.Length; i++)
            dx[i].Should().BeApproximately(expected[i], 1e-4f, "of {0}", layer);
    }

    private static float[] Backward(NormalizationLayer<float> layer, int[] shape, float[] weight)
    {
        weight.CopyTo(layer.Weight!.Value.Span);
        layer.Forward(new Tensor<float>(_x, shape));
        return layer.Backward(new Tensor<float>(_dy, shape)).Span.ToArray();
    }
}
