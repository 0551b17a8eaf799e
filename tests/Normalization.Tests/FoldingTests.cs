using System.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>A network with its BatchNorm layers and the same network with them folded away.</summary>
public sealed class FoldingTests
{
    private const int N = 2;

    private static readonly Gen<Stage> _stages =
        from kind in Gen.Elements(Enum.GetValues<LinearKind>())
        from groups in Gen.Choose(1, 3)
        from inputs in Gen.Choose(1, 3)
        from outputs in Gen.Choose(1, 3)
        from kernel in Gen.Choose(1, 3)
        from affine in Gen.Elements(true, false)
        from hasBias in Gen.Elements(true, false)
        select new Stage(Map(kind, groups * inputs, groups * outputs, kernel, groups), affine, hasBias);

    private sealed record Stage(LinearMap Map, bool Affine, bool HasBias);

    [Fact]
    public void A_folded_layer_gives_what_both_gave() => Prop.ForAll(_stages.ToArbitrary(), static stage =>
    {
        Compare<float>(stage);
        Compare<double>(stage);
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(200).WithReplay(2024, 7));

    [Fact]
    public void A_folded_network_gives_what_the_network_gave()
    {
        Stage[] network =
        [
            new(LinearMap.Convolution(N, 2, 8, 6, 3, groups: 1), Affine: true, HasBias: false),
            new(LinearMap.Convolution(N, 8, 8, 4, 3, groups: 4), Affine: false, HasBias: true),
            new(LinearMap.TransposedConvolution(N, 8, 6, 2, 2, groups: 2), Affine: true, HasBias: true),
            new(LinearMap.Linear(N, 6 * 4 * 4, 5), Affine: true, HasBias: false),
        ];
        Compare<float>(network);
        Compare<double>(network);
    }

    [Fact]
    public void The_scale_and_the_shift_are_exact_to_the_last_place()
    {
        BatchNorm<float> layer = Trained<float>(50, seed: 3, affine: true);
        (Tensor<float> scale, Tensor<float> shift) = layer.Fold();
        for (int i = 0; i < 50; i++)
        {
            DoubleDouble exact = (DoubleDouble)layer.Weight!.Value.Span[i] / DoubleDouble.Sqrt((DoubleDouble)layer.RunningVariance!.Span[i] + layer.Epsilon);
            double exactShift = (double)((DoubleDouble)layer.Bias!.Value.Span[i] - (layer.RunningMean!.Span[i] * exact));
            Math.Abs(scale.Span[i] - (double)exact).Should().BeLessThanOrEqualTo(0.5001 * Values.FloatUlp((double)exact));
            Math.Abs(shift.Span[i] - exactShift).Should().BeLessThanOrEqualTo(0.5001 * Values.FloatUlp(exactShift));
        }
        (scale.Shape.ToArray(), shift.Shape.ToArray()).Should().BeEquivalentTo((new[] { 50 }, new[] { 50 }));
    }

    [Fact]
    public void A_large_mean_costs_the_folded_form_digits_that_the_layer_keeps()
    {
        var layer = new BatchNorm1d<float>(1, epsilon: 0);
        layer.RunningMean!.Fill(1e4f);
        layer.RunningVariance!.Fill(3);
        layer.Eval();
        (Tensor<float> scale, Tensor<float> shift) = layer.Fold();
        Tensor<float> x = Tensor<float>.RandomNormal([1000, 1], 1, 1e4, Math.Sqrt(3)), y = layer.Forward(x);
        double layerError = 0, foldedError = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double exact = (x.Span[i] - 1e4) / Math.Sqrt(3);
            layerError = Math.Max(layerError, Math.Abs(y.Span[i] - exact));
            foldedError = Math.Max(foldedError, Math.Abs((x.Span[i] * scale.Span[0]) + shift.Span[0] - exact));
        }
        layerError.Should().BeLessThan(3 * Values.FloatUlp(4), "no value is beyond four deviations");

        // Rounded are x · scale, the scale itself, the shift and the sum; each loses half a place of a number near 10⁴ / √3.
        foldedError.Should().BeInRange(1e-4, 4 * 0.5 * Values.FloatUlp(1e4 / Math.Sqrt(3)));
    }

    [Fact]
    public void A_channel_without_variance_folds_to_its_bias_as_the_layer_gives_it()
    {
        var layer = new BatchNorm1d<double>(1, epsilon: 0);
        layer.RunningVariance!.Fill(0);
        layer.RunningMean!.Fill(5);
        layer.Bias!.Value.Fill(7);
        layer.Eval();
        (Tensor<double> scale, Tensor<double> shift) = layer.Fold();
        (scale.Span[0], shift.Span[0]).Should().Be((0, 7));
    }

    [Fact]
    public void Folding_leaves_its_arguments_and_takes_any_number_of_kernel_sizes()
    {
        BatchNorm<float> layer = Trained<float>(6, seed: 1, affine: true);
        Tensor<float> weight = Tensor<float>.RandomNormal([6, 4, 2, 3, 2], 2), bias = Tensor<float>.RandomNormal([6], 3);
        float[] weightBefore = weight.Span.ToArray(), biasBefore = bias.Span.ToArray();
        (Tensor<float> folded, Tensor<float> foldedBias) = BatchNormFolding.IntoConvolution(weight, bias, layer);
        folded.Shape.ToArray().Should().Equal(6, 4, 2, 3, 2);
        foldedBias.Shape.ToArray().Should().Equal(6);
        (Tensor<float> flat, _) = BatchNormFolding.IntoConvolution(weight.Reshape(6, 4, 12), bias, layer);
        flat.Span.SequenceEqual(folded.Span).Should().BeTrue();
        (Tensor<float> linear, _) = BatchNormFolding.IntoLinear(weight.Reshape(6, 48), bias, layer);
        linear.Span.SequenceEqual(folded.Span).Should().BeTrue();
        (Tensor<float> transposed, _) = BatchNormFolding.IntoTransposedConvolution(weight.Reshape(1, 6, 48), bias, layer);
        transposed.Span.SequenceEqual(folded.Span).Should().BeTrue();
        weight.Span.ToArray().Should().Equal(weightBefore);
        bias.Span.ToArray().Should().Equal(biasBefore);
        BatchNormFolding.IntoTransposedConvolution(new Tensor<float>(0, 6, 3), null, layer).Weight.Length.Should().Be(0);
        BatchNormFolding.IntoLinear(new Tensor<float>(6, 0), null, layer).Bias.Length.Should().Be(6);
    }

    [Fact]
    public void Only_evaluation_with_running_statistics_can_be_folded()
    {
        var weight = new Tensor<float>(6, 4);
        Action<BatchNorm<float>>[] calls =
        [
            static layer => layer.Fold(),
            layer => BatchNormFolding.IntoLinear(weight, null, layer),
            layer => BatchNormFolding.IntoConvolution(weight.Reshape(6, 2, 2), null, layer),
            layer => BatchNormFolding.IntoTransposedConvolution(weight.Reshape(2, 6, 2), null, layer),
        ];
        foreach (Action<BatchNorm<float>> call in calls)
        {
            var training = new BatchNorm2d<float>(6) { UseRunningStatistics = true };
            training.Invoking(call).Should().Throw<InvalidOperationException>().WithMessage("*call Eval() first*");
            var untracked = new BatchNorm2d<float>(6, trackRunningStatistics: false);
            untracked.Eval();
            untracked.Invoking(call).Should().Throw<InvalidOperationException>().WithMessage("*trackRunningStatistics: true*");
        }
    }

    [Fact]
    public void A_null_is_refused()
    {
        BatchNorm<float> layer = Trained<float>(6, seed: 1, affine: true);
        foreach (Action<Tensor<float>, BatchNorm<float>> fold in (Action<Tensor<float>, BatchNorm<float>>[])
        [
            static (weight, batchNorm) => BatchNormFolding.IntoLinear(weight, null, batchNorm),
            static (weight, batchNorm) => BatchNormFolding.IntoConvolution(weight, null, batchNorm),
            static (weight, batchNorm) => BatchNormFolding.IntoTransposedConvolution(weight, null, batchNorm),
        ])
        {
            FluentActions.Invoking(() => fold(null!, layer)).Should().Throw<ArgumentNullException>().WithParameterName("weight");
            FluentActions.Invoking(() => fold(new(6, 6, 3), null!)).Should().Throw<ArgumentNullException>().WithParameterName("batchNorm");
        }
    }

    [Fact]
    public void A_wrong_shape_is_refused_naming_expected_and_given()
    {
        BatchNorm<float> layer = Trained<float>(6, seed: 1, affine: true);
        Refuse("expected weight [6, in], got [4, 6]*", () => BatchNormFolding.IntoLinear(new(4, 6), null, layer));
        Refuse("expected weight [6, in], got [6, 4, 1]*", () => BatchNormFolding.IntoLinear(new(6, 4, 1), null, layer));
        Refuse("expected weight [6, in / groups, k...], got [6, 4]*", () => BatchNormFolding.IntoConvolution(new(6, 4), null, layer));
        Refuse("expected weight [6, in / groups, k...], got [4, 6, 3]*", () => BatchNormFolding.IntoConvolution(new(4, 6, 3), null, layer));
        Refuse("expected weight [in, 6, k...]*got [6, 4, 3]*", () => BatchNormFolding.IntoTransposedConvolution(new(6, 4, 3), null, layer));
        Refuse("expected weight [in, 3, k...] with in divisible by 2, got [5, 3, 3]*", () => BatchNormFolding.IntoTransposedConvolution(new(5, 3, 3), null, layer, 2));
        Refuse("expected weight [in, 3, k...] with in divisible by 2, got [4, 3]*", () => BatchNormFolding.IntoTransposedConvolution(new(4, 3), null, layer, 2));
        Refuse("groups must divide the 6 output channels, got 4.*", () => BatchNormFolding.IntoTransposedConvolution(new(4, 3, 3), null, layer, 4));
        Refuse("expected bias [6], got [4]*", () => BatchNormFolding.IntoLinear(new(6, 4), new Tensor<float>(4), layer));
        Refuse("expected bias [6], got [6, 1]*", () => BatchNormFolding.IntoConvolution(new(6, 4, 3), new Tensor<float>(6, 1), layer));
        FluentActions.Invoking(() => BatchNormFolding.IntoTransposedConvolution(new(4, 3, 3), null, layer, 0)).Should()
            .Throw<ArgumentOutOfRangeException>().WithMessage("*groups*0*");
        FluentActions.Invoking(() => BatchNormFolding.IntoLinear(null!, null, layer)).Should().Throw<ArgumentNullException>().WithMessage("*'weight'*");
        FluentActions.Invoking(() => BatchNormFolding.IntoConvolution(new(6, 4, 3), null, (BatchNorm<float>)null!)).Should()
            .Throw<ArgumentNullException>().WithMessage("*'batchNorm'*");
    }

    private static void Refuse(string message, Action call) => call.Should().Throw<ArgumentException>().WithMessage(message);

    /// <summary>A layer as training leaves it, in evaluation mode.</summary>
    private static BatchNorm<T> Trained<T>(int channels, int seed, bool affine, int rank = 2) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        BatchNorm<T> layer = rank == 2 ? new BatchNorm1d<T>(channels, 1e-3, affine: affine) : new BatchNorm2d<T>(channels, 1e-3, affine: affine);
        Tensor<T>.RandomNormal([channels], seed, 0.3).CopyTo(layer.RunningMean!);
        foreach ((int i, double value) in Normals.Of(channels, seed + 1).Index())
            layer.RunningVariance!.Span[i] = T.CreateChecked(0.05 + (value * value));
        foreach (Parameter<T> parameter in layer.Parameters)
            Tensor<T>.RandomNormal([channels], seed + parameter.Name.Length, 0.5).CopyTo(parameter.Value);
        layer.Eval();
        return layer;
    }

    /// <summary>
    /// Runs both networks, with a ReLU after every BatchNorm, and compares them after each. With u half a unit in the last place and n
    /// products in a sum, each network rounds every sum at most n + 1 times and the BatchNorm or the folded constants at most 7
    /// times, all of them numbers below the sum M of the absolute values; and a difference of the inputs grows by |W · scale|.
    /// </summary>
    private static void Compare<T>(params Stage[] network) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double u = double.CreateChecked(T.BitIncrement(T.One) - T.One) / 2;
        T[] input = Tensor<T>.RandomNormal([network[0].Map.InputLength], 1, 0.2).Span.ToArray(), foldedInput = input;
        double[] difference = new double[input.Length];
        foreach ((int stage, (LinearMap map, bool affine, bool hasBias)) in network.Index())
        {
            int channels = map.OutputShape[1];
            Tensor<T> weight = Tensor<T>.RandomNormal(map.WeightShape, 10 + stage, 0, 0.5);
            Tensor<T>? bias = hasBias ? Tensor<T>.RandomNormal([channels], 20 + stage) : null;
            BatchNorm<T> layer = Trained<T>(channels, 30 + stage, affine, map.OutputShape.Length);
            (Tensor<T> foldedWeight, Tensor<T> foldedBias) = map.Fold(weight, bias, layer);
            Tensor<T> output = layer.Forward(map.Apply(input, weight, bias)), folded = map.Apply(foldedInput, foldedWeight, foldedBias);

            double[] largest = new double[output.Length], bound = new double[output.Length];
            int[] count = new int[output.Length];
            foreach ((int o, int i, int w) in map.Products)
            {
                double factor = Math.Abs(double.CreateChecked(weight.Span[w]));
                largest[o] += factor * (Math.Abs(double.CreateChecked(input[i])) + difference[i]);
                bound[o] += factor * difference[i];
                count[o]++;
            }
            for (int o = 0; o < output.Length; o++)
            {
                int channel = map.ChannelOf(o);
                double scale = Math.Abs(ValueOf(layer.Weight?.Value, channel, 1)) / Math.Sqrt(ValueOf(layer.RunningVariance, channel, 0) + layer.Epsilon);
                double sum = largest[o] + Math.Abs(ValueOf(bias, channel, 0)) + Math.Abs(ValueOf(layer.RunningMean, channel, 0));
                double all = (scale * sum) + Math.Abs(ValueOf(layer.Bias?.Value, channel, 0));
                bound[o] = (scale * bound[o]) + (u * 2 * (count[o] + 8) * all);
                Math.Abs(double.CreateChecked(output.Span[o] - folded.Span[o])).Should().BeLessThanOrEqualTo(bound[o], "of element {0} of stage {1}", o, stage);
            }
            (input, foldedInput, difference) = (Rectified(output), Rectified(folded), bound);
        }
    }

    private static LinearMap Map(LinearKind kind, int inputs, int outputs, int kernel, int groups) => kind switch
    {
        LinearKind.Linear => LinearMap.Linear(N, inputs, outputs),
        LinearKind.Convolution => LinearMap.Convolution(N, inputs, outputs, 4, kernel, groups),
        _ => LinearMap.TransposedConvolution(N, inputs, outputs, 3, kernel, groups),
    };

    private static double ValueOf<T>(Tensor<T>? tensor, int index, double missing) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        tensor is null ? missing : double.CreateChecked(tensor.Span[index]);

    private static T[] Rectified<T>(Tensor<T> tensor) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Array.ConvertAll(tensor.Span.ToArray(), static value => T.Max(value, T.Zero));
}
