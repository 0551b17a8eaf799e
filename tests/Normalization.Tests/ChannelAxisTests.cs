using System.Numerics;
using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>A layer whose channels stand elsewhere computes what it computes on the transposed tensor.</summary>
[Collection(nameof(Settings))]
public sealed partial class ChannelAxisTests
{
    private static readonly Dictionary<string, Case> _cases = List().ToDictionary(static item => item.ToString());

    public static TheoryData<string> All => [.. _cases.Keys];

    [Theory]
    [MemberData(nameof(All))]
    public void Training_and_evaluation_give_what_the_transposed_call_gives(string name)
    {
        foreach (bool isTraining in (bool[])[true, false])
        {
            Compare<float>(_cases[name], isTraining, Terms.None).Should().BeLessThan(3e-6);
            Compare<double>(_cases[name], isTraining, Terms.None).Should().BeLessThan(1e-12);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Every_term_gives_what_the_transposed_call_gives(string name)
    {
        Case item = _cases[name] with { Activation = Activation.Silu };
        foreach (bool isTraining in (bool[])[true, false])
        {
            Compare<float>(item, isTraining, Terms.All).Should().BeLessThan(2e-5);
            Compare<double>(item, isTraining, Terms.All).Should().BeLessThan(1e-11);
            Compare<double>(item with { Activation = Activation.Gelu }, isTraining, Terms.Skip).Should().BeLessThan(1e-11);
            Compare<double>(item with { Activation = Activation.None }, isTraining, Terms.Scale).Should().BeLessThan(1e-11);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Every_width_and_every_number_of_threads_gives_the_same_bits(string name)
    {
        SameBits<float>(_cases[name], Terms.None);
        SameBits<double>(_cases[name], Terms.None);
        SameBits<float>(_cases[name] with { Activation = Activation.Relu }, Terms.All);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Values_at_the_ends_of_the_range_give_what_the_transposed_call_gives(string name)
    {
        Case item = _cases[name] with { Epsilon = 0 };
        Compare<float>(item, isTraining: true, Terms.None, mean: 1e4).Should().BeLessThan(3e-6);
        Extreme<float>(item, 1e-36, 3e-6);
        Extreme<float>(item, 1e36, 3e-6);
        Extreme<double>(item, 1e-290, 1e-12);
        Extreme<double>(item, 1e290, 1e-12);
    }

    [Fact]
    public void Whatever_is_drawn_gives_what_the_transposed_call_gives() => Property.Holds(
        from item in Property.Cases from spatial in Gen.Choose(0, 2) from isTraining in Gen.Elements(true, false) select (item, spatial, isTraining),
        static drawn =>
        {
            Case item = Reshaped(drawn.item, drawn.spatial);
            return Compare<double>(item, drawn.isTraining, Terms.None) < 1e-12
                && Compare<double>(item with { Activation = Activation.GeluTanh }, drawn.isTraining, Terms.All) < 1e-11;
        });

    [Fact]
    public void The_input_gradient_gives_the_slope_of_the_loss_in_any_direction() => Property.Holds(
        Property.Cases,
        static item =>
        {
            const double step = 1e-5;
            item = Reshaped(item, 0) with { Track = false };
            Tensor<double> direction = Sample<double>.Normal(item.Shape, 79, 0, 1);
            var sample = new AxisSample<double>(item, isMoved: true);
            Tensor<double> moved = AxisSample<double>.Transpose(direction, 1, toLast: !item.IsRows);
            Tensor<double> gradient = Sample<double>.Normal(moved.Shape.ToArray(), 80, 0.2, 1);
            sample.Layer.Forward(sample.Input);
            Tensor<double> inputGradient = sample.Layer.Backward(gradient);
            double expected = 0, size = 0;
            for (int i = 0; i < moved.Length; i++)
            {
                expected += inputGradient.Span[i] * moved.Span[i];
                size += Math.Abs(inputGradient.Span[i] * moved.Span[i]);
            }
            return Math.Abs(((Loss(step) - Loss(-step)) / (2 * step)) - expected) <= 1e-6 * size;

            double Loss(double distance)
            {
                Tensor<double> input = sample.Input.Clone();
                for (int i = 0; i < input.Length; i++)
                    input.Span[i] += distance * moved.Span[i];
                Tensor<double> output = sample.Layer.Forward(input);
                double loss = 0;
                for (int i = 0; i < output.Length; i++)
                    loss += output.Span[i] * gradient.Span[i];
                return loss;
            }
        });

    [Fact]
    public void A_sample_has_the_same_bits_alone_and_in_any_batch() => Property.Holds(
        Property.CasesOf(Kind.Instance, Kind.Group),
        static item =>
        {
            var whole = new AxisSample<float>(item with { Track = false }, isMoved: true);
            Tensor<float> output = whole.Layer.Forward(whole.Input);
            int length = whole.Input.Length / item.N, last = item.N - 1;
            int[] shape = [1, .. whole.Input.Shape[1..]];
            Tensor<float> alone = whole.Layer.Forward(new(whole.Input.Span.Slice(last * length, length).ToArray(), shape));
            return Values.Bits(alone).SequenceEqual(Values.Bits<float>(output.Span.Slice(last * length, length)));
        });

    [Theory]
    [InlineData(Kind.Batch)]
    [InlineData(Kind.Instance)]
    [InlineData(Kind.Group)]
    [InlineData(Kind.Layer)]
    public void An_empty_input_gives_an_empty_output(Kind kind)
    {
        var item = new Case(kind, 0, 4, 6) { Groups = 2, Track = true };
        var sample = new AxisSample<float>(item with { Shape = kind == Kind.Layer ? [0, 6, 4] : item.Shape }, isMoved: true);
        sample.Run().Written().Where(static written => written.Name.EndsWith("Gradient", StringComparison.Ordinal))
            .Should().OnlyContain(static written => written.Values.All(static value => value == 0));
    }

    [Fact]
    public void A_constant_channel_gives_exactly_the_bias_and_a_nan_stays_in_its_group()
    {
        var norm = new GroupNorm<float>(3, 6) { ChannelAxis = ChannelAxis.Last };
        norm.Bias!.Value.Fill(0.25f);
        var input = Tensor<float>.Full([2, 50, 6], 1234.5f);
        norm.Forward(input).Span.ToArray().Should().OnlyContain(static value => value == 0.25f);
        input[1, 7, 3] = float.NaN;
        Tensor<float> output = norm.Forward(input);
        for (int i = 0; i < output.Length; i++)
            float.IsNaN(output.Span[i]).Should().Be(i >= 300 && i % 6 is 2 or 3, "of element {0}", i);
    }

    [Theory]
    [InlineData(1, 2, false)]
    [InlineData(3, 19, true)]
    [InlineData(3, 700, true)]
    [InlineData(3, 700, false)]
    [InlineData(12, 77, true)]
    [InlineData(12, 77, false)]
    [InlineData(63, 33, true)]
    [InlineData(63, 33, false)]
    public void Few_channels_last_give_what_the_transposed_call_gives_at_every_position(int channels, int positions, bool isHard)
    {
        // One channel leaves the range of floats, so that the others are written apart from it.
        Tensor<float> input = Sample<float>.Normal([2, channels, positions], 5, 0.5, 1), gradient = Sample<float>.Normal([2, channels, positions], 6, 0.1, 1);
        for (int i = 0; isHard && i < 2 * positions; i++)
            input[i / positions, 1, i % positions] *= 1e36f;
        var first = new BatchNorm1d<float>(channels);
        var last = new BatchNorm1d<float>(channels) { ChannelAxis = ChannelAxis.Last };
        Tensor<float> expected = first.Forward(input), output = last.Forward(AxisSample<float>.Transpose(input, 1, toLast: true));
        Values.Distance(Values.Doubles(AxisSample<float>.Transpose(output, 1, toLast: false)), Values.Doubles(expected), floor: 1e-3).Should().BeLessThan(3e-6);
        output = last.Backward(AxisSample<float>.Transpose(gradient, 1, toLast: true));
        expected = first.Backward(gradient);
        Values.Distance(Values.Doubles(AxisSample<float>.Transpose(output, 1, toLast: false)), Values.Doubles(expected), floor: 1e-3).Should().BeLessThan(3e-6);
    }

    private static IEnumerable<Case> List()
    {
        int[][] images = [[4, 5, 3], [2, 3, 6, 6], [2, 3, 4, 4, 4], [3, 1, 50], [5, 4, 1], [2, 16, 9, 9], [3, 17, 40], [1, 600, 130], [2, 1500, 9], [37, 8, 90]];
        foreach (int[] shape in images)
            yield return new(Kind.Batch, shape) { Track = true };
        yield return new(Kind.Batch, 40, 33, 31) { Affine = false };
        foreach (int[] shape in images.Where(static shape => shape[^1] > 1))
            yield return new(Kind.Instance, shape) { Track = true };
        yield return new(Kind.Instance, 3, 6, 6) { IsUnbatched = true, Affine = false };
        yield return new(Kind.Instance, 40, 33, 31) { Affine = false };
        (int Groups, int[] Shape)[] groups =
        [
            (1, [2, 3, 6, 6]), (3, [4, 3, 7]), (2, [4, 6, 5]), (4, [3, 64, 7, 7]), (2, [2, 34, 50]), (3, [5, 12, 1]), (1, [1, 16, 3001]),
            (2, [1, 3000, 40]), (8, [40, 32, 60]), (32, [2, 64, 33, 33]), (1, [3, 1, 40]), (5, [700, 10, 8]),
        ];
        foreach ((int count, int[] shape) in groups)
            yield return new(Kind.Group, shape) { Groups = count };
        yield return new(Kind.Group, 3, 20, 300) { Groups = 4, Affine = false };
        int[][] rows = [[4, 5, 7], [2, 6, 6, 3], [3, 900, 64], [40, 1, 33], [2, 5, 1]];
        foreach (int[] shape in rows)
        {
            yield return new(Kind.Layer, shape);
            yield return new(Kind.Rms, shape) { Epsilon = 1e-6 };
        }
        yield return new(Kind.Layer, 4, 50, 8) { Affine = false };
    }

    /// <summary>The same elements in a shape with channels, and with two or three dimensions of positions.</summary>
    private static Case Reshaped(Case item, int spatial)
    {
        if (item.IsRows)
            return item with { Shape = [item.N, item.Groups, item.S] };
        return item with { Shape = [item.N, item.C, .. Enumerable.Repeat(2, spatial), item.S] };
    }

    private static double Compare<T>(Case item, bool isTraining, Terms terms, double mean = 0.5, double scale = 2)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        AxisSample<T> plain = new AxisSample<T>(item, isMoved: false, terms, mean, scale).Run(isTraining);
        return new AxisSample<T>(item, isMoved: true, terms, mean, scale).Run(isTraining).DistanceTo(plain);
    }

    /// <summary>Outputs, and input gradients on their own scale; the running statistics may leave the range.</summary>
    private static void Extreme<T>(Case item, double scale, double tolerance) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        item = item with { Track = false };
        var plain = new AxisSample<T>(item, isMoved: false, Terms.None, scale, scale).Run().Written();
        var moved = new AxisSample<T>(item, isMoved: true, Terms.None, scale, scale).Run().Written();
        foreach (((string name, double[] expected), (_, double[] actual)) in plain.Zip(moved).Where(static pair => pair.First.Name != "statistics"))
            Values.Distance(actual, expected).Should().BeLessThan(tolerance, name);
    }

    private static void SameBits<T>(Case item, Terms terms) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        long[] expected = new AxisSample<T>(item, isMoved: true, terms).Run().Bits();
        foreach (int bits in new[] { 128, 256, 512 })
        {
            using var setting = Setting.Width(bits);
            new AxisSample<T>(item, isMoved: true, terms).Run().Bits().Should().Equal(expected, "of {0} bits", bits);
        }
        foreach (int degree in new[] { 1, 3, 7 })
        {
            using var setting = Setting.Degree(degree);
            new AxisSample<T>(item, isMoved: true, terms).Run().Bits().Should().Equal(expected, "of {0} threads", degree);
        }
    }
}
