using System.Numerics;

namespace Normalization.Tests;

/// <summary>The inverse of an instance norm: the way back, for other lengths, its gradients, and what it must refuse.</summary>
public sealed class InvertTests
{
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void The_inverse_of_the_output_is_the_input(bool affine, bool usesRunning)
    {
        Back<double>(affine, usesRunning, 0).Should().BeLessThan(1e-13);
        Back<float>(affine, usesRunning, 0).Should().BeLessThan(5e-7);
        Back<float>(affine, usesRunning, 1e4).Should().BeLessThan(5e-7);
    }

    [Fact]
    public void Another_length_and_an_unbatched_input_are_taken_back_by_the_formula()
    {
        InstanceNorm1d<double> norm = Affine<double>(3);
        var context = new ForwardContext<double>();
        Tensor<double> x = Tensor<double>.RandomNormal([3, 50], seed: 1, mean: 4), y = new(x.Shape);
        norm.Forward(x, y, context);
        foreach (int length in (int[])[1, 7, 300])
        {
            var prediction = Tensor<double>.RandomNormal([3, length], seed: 2);
            Tensor<double> output = norm.Invert(prediction, context);
            for (int i = 0; i < output.Length; i++)
            {
                int channel = i / length;
                double expected = ((prediction.Span[i] - norm.Bias!.Value.Span[channel]) / norm.Weight!.Value.Span[channel]
                    / context.GetInverseStandardDeviation(channel)) + context.GetMean(channel);
                output.Span[i].Should().BeApproximately(expected, 1e-12);
            }
        }
    }

    /// <summary>The statistics of a padded series are those of its valid positions, so its forecast is taken back with these.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void After_a_pass_over_valid_positions_the_inverse_takes_their_statistics(bool byLengths)
    {
        InstanceNorm1d<double> norm = Affine<double>(3);
        var context = new ForwardContext<double>();
        Tensor<double> x = Tensor<double>.RandomNormal([2, 3, 50], seed: 1, mean: 4), y = new(x.Shape);
        int[] lengths = [50, 20];
        bool[] mask = [.. Enumerable.Range(0, 100).Select(i => i % 50 < lengths[i / 50])];
        for (int channel = 0; channel < 3; channel++)
            x.Span.Slice(((3 + channel) * 50) + 20, 30).Fill(double.NaN);
        ForwardOptions<double> options = new() { Context = context, Lengths = byLengths ? lengths : default, Mask = byLengths ? default : mask };
        norm.Forward(x, y, options);
        var prediction = Tensor<double>.RandomNormal([2, 3, 7], seed: 2);
        Tensor<double> output = norm.Invert(prediction, context);
        for (int i = 0; i < output.Length; i++)
        {
            int group = i / 7, channel = group % 3;
            double[] valid = x.Span.Slice(group * 50, lengths[group / 3]).ToArray();
            double mean = valid.Average(), variance = valid.Average(value => (value - mean) * (value - mean));
            double expected = ((prediction.Span[i] - norm.Bias!.Value.Span[channel]) / norm.Weight!.Value.Span[channel]
                * Math.Sqrt(variance + norm.Epsilon)) + mean;
            output.Span[i].Should().BeApproximately(expected, 1e-12);
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(300)]
    public void The_gradients_are_those_of_differences(int length)
    {
        const double Step = 1e-6;
        InstanceNorm<double> norm = Affine<double>(4);
        var context = new ForwardContext<double>();
        Tensor<double> x = Tensor<double>.RandomNormal([3, 4, 20], seed: 1, mean: 4, standardDeviation: 3), y = new(x.Shape);
        norm.Forward(x, y, context);
        Tensor<double> prediction = Tensor<double>.RandomNormal([3, 4, length], seed: 2), dx = Tensor<double>.RandomNormal([3, 4, length], seed: 3);
        Tensor<double> gradient = new(prediction.Shape);
        norm.Weight!.Gradient.Fill(1);
        norm.InvertBackward(prediction, dx, gradient, context);
        Check(prediction, gradient, 0);
        Check(norm.Weight.Value, norm.Weight.Gradient, 1);
        Check(norm.Bias!.Value, norm.Bias.Gradient, 0);
        norm.InvertBackward(prediction, dx, dx, context);
        Values.Bits(dx).Should().Equal(Values.Bits(gradient));

        void Check(Tensor<double> value, Tensor<double> actual, double before)
        {
            for (int i = 0; i < Math.Min(12, value.Length); i++)
            {
                double kept = value.Span[i];
                value.Span[i] = kept + Step;
                double above = Loss();
                value.Span[i] = kept - Step;
                double difference = (above - Loss()) / (2 * Step);
                value.Span[i] = kept;
                (actual.Span[i] - before).Should().BeApproximately(difference, 1e-5 * (1 + Math.Abs(difference)));
            }
        }

        double Loss()
        {
            ReadOnlySpan<double> output = norm.Invert(prediction, context).Span;
            double loss = 0;
            for (int i = 0; i < output.Length; i++)
                loss += output[i] * dx.Span[i];
            return loss;
        }
    }

    [Fact]
    public void Frozen_parameters_gain_nothing()
    {
        InstanceNorm1d<float> norm = Affine<float>(3);
        norm.Weight!.RequiresGradient = false;
        var context = new ForwardContext<float>();
        Tensor<float> x = Tensor<float>.RandomNormal([2, 3, 9], seed: 1), y = new(x.Shape);
        norm.Forward(x, y, context);
        norm.InvertBackward(y, x, new(x.Shape), context);
        norm.Weight.Gradient.Span.IndexOfAnyExcept(0f).Should().Be(-1);
        norm.Bias!.Gradient.Span.IndexOfAnyExcept(0f).Should().Be(0);
    }

    [Fact]
    public void A_constant_series_is_taken_back_to_its_mean_without_epsilon()
    {
        var norm = new InstanceNorm1d<float>(1, epsilon: 0);
        var context = new ForwardContext<float>();
        Tensor<float> x = Tensor<float>.Full([1, 1, 8], 1234), y = new(x.Shape);
        norm.Forward(x, y, context);
        norm.Invert(Tensor<float>.RandomNormal([1, 1, 3], seed: 1), context).Span.ToArray().Should().AllBeEquivalentTo(1234f);
    }

    [Fact]
    public void What_cannot_be_inverted_is_refused_and_changes_nothing()
    {
        InstanceNorm1d<float> norm = Affine<float>(3), other = Affine<float>(3);
        ForwardContext<float> context = new(), empty = new(), withoutElements = new();
        Tensor<float> x = Tensor<float>.RandomNormal([2, 3, 9], seed: 1), y = new(x.Shape), output = Tensor<float>.Full(x.Shape, 7);
        norm.Forward(x, y, context);
        norm.Forward(new(2, 3, 0), new Tensor<float>(2, 3, 0), withoutElements);
        Refuse<InvalidOperationException>(() => norm.Invert(y, output, empty), "*No forward pass*");
        Refuse<InvalidOperationException>(() => other.Invert(y, output, context), "*another layer*");
        Refuse<InvalidOperationException>(() => norm.Invert(y, output, withoutElements), "*no elements*");
        Refuse<ArgumentException>(() => norm.Invert(new(3, 3, 9), context), "expected input with 2 samples*");
        Refuse<ArgumentException>(() => norm.Invert(new(2, 4, 9), context), "expected input [N, 3, L]*");
        Refuse<ArgumentException>(() => norm.Invert(y, new(2, 3, 8), context), "expected output*");
        Refuse<ArgumentException>(() => norm.InvertBackward(y, x, y, context), "*inputGradient*");
        norm.Weight!.Value.Span[1] = 0;
        Refuse<InvalidOperationException>(() => norm.Invert(y, output, context), "γ of channel 1 is 0*");
        output.Span.IndexOfAnyExcept(7f).Should().Be(-1);
        norm.Weight.Gradient.Span.IndexOfAnyExcept(0f).Should().Be(-1);
        norm.Weight.Value.Span[1] = 1;
        norm.Invert(new(2, 3, 0), context).Length.Should().Be(0);
    }

    [Fact]
    public void A_layer_with_an_activation_has_no_way_back_and_says_so()
    {
        var norm = new InstanceNorm1d<float>(3) { Activation = Activation.Relu };
        var context = new ForwardContext<float>();
        Tensor<float> x = Tensor<float>.RandomNormal([2, 3, 9], seed: 1), y = new(x.Shape), output = Tensor<float>.Full(x.Shape, 7);
        norm.Forward(x, y, context);
        Refuse<InvalidOperationException>(() => norm.Invert(y, output, context), "There is no way back through an activation*");
        Refuse<InvalidOperationException>(() => norm.InvertBackward(y, x, output, context), "There is no way back through an activation*");
        output.Span.IndexOfAnyExcept(7f).Should().Be(-1);
    }

    private static void Refuse<TException>(Action call, string message) where TException : Exception =>
        call.Should().ThrowExactly<TException>().WithMessage(message);

    private static double Back<T>(bool affine, bool usesRunning, double mean) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var norm = new InstanceNorm<T>(3, affine: affine, trackRunningStatistics: usesRunning);
        if (affine)
            Randomize(norm);
        var context = new ForwardContext<T>();
        Tensor<T> x = Tensor<T>.RandomNormal([4, 3, 11], seed: 1, mean: mean), y = new(x.Shape);
        norm.Forward(x, y, context);
        if (usesRunning)
        {
            norm.Eval();
            norm.Forward(x, y, context);
        }
        norm.Invert(y, y, context);
        return Values.Distance(Values.Doubles(y), Values.Doubles(x));
    }

    private static InstanceNorm1d<T> Affine<T>(int channels) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var norm = new InstanceNorm1d<T>(channels, affine: true);
        Randomize(norm);
        return norm;
    }

    private static void Randomize<T>(InstanceNorm<T> norm) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < norm.NumFeatures; i++)
        {
            norm.Weight!.Value.Span[i] = T.CreateChecked(i % 2 == 0 ? 1.5 + i : -0.5);
            norm.Bias!.Value.Span[i] = T.CreateChecked(i - 1);
        }
    }
}
