using System.Numerics;

namespace Normalization.Tests;

/// <summary>The promises of every pass, kept by those of second order: bits, digits, memory, and what they refuse.</summary>
[Collection(nameof(Settings))]
public sealed class SecondOrderPromiseTests
{
    public static TheoryData<string> NotEmpty => Cases.NotEmpty();

    public static TheoryData<string> Representative => Cases.Representative();

    [Theory]
    [MemberData(nameof(NotEmpty))]
    public void Every_vector_width_and_number_of_threads_gives_the_same_bits(string name)
    {
        SameBits<float>(name);
        SameBits<double>(name);
    }

    [Theory]
    [InlineData(Kind.Layer, 7, 33, 1)]
    [InlineData(Kind.Instance, 3, 4, 37)]
    [InlineData(Kind.Batch, 9, 5, 1)]
    [InlineData(Kind.Batch, 3, 5, 41)]
    public void A_large_common_part_of_the_gradient_and_of_the_direction_costs_no_digits(Kind kind, int n, int c, int s)
    {
        // Dyadic numbers, which stay exact beside the common part.
        int[] shape = s == 1 ? [n, c] : [n, c, s];
        SecondOrderSample<double> near = new(new Case(kind, shape)), far = new(new Case(kind, shape));
        foreach (SecondOrderSample<double> sample in (SecondOrderSample<double>[])[near, far])
        {
            sample.Layer.Weight!.Value.Fill(2);
            double common = sample == far ? 1L << 30 : 0;
            foreach (Tensor<double> tensor in (Tensor<double>[])[sample.Sample.OutputGradient, sample.Input!])
            {
                foreach (ref double value in tensor.Span)
                    value = common + (Math.Round(value * 1024) / 1024);
            }
            sample.Weight!.Fill(1);
            sample.Bias!.Fill(0);
            sample.Run();
        }
        // P takes off what is common.
        Values.Distance(far.InputGradient.Span, near.InputGradient.Span).Should().BeLessThan(1e-12);
        Values.Distance(far.Tangent.Span, near.Tangent.Span).Should().BeLessThan(1e-12);
        if (kind == Kind.Batch)
            Values.Distance(far.Layer.Weight!.Gradient.Span, near.Layer.Weight!.Gradient.Span).Should().BeLessThan(1e-12);
    }

    [Theory]
    [MemberData(nameof(Representative))]
    public void A_NaN_stays_in_its_group(string name)
    {
        Case item = Cases.Named(name);
        foreach (bool isTraining in (bool[])[true, false])
        {
            SecondOrderSample<float> clean = new SecondOrderSample<float>(item, isTraining: isTraining).Run(), sick = new(item, isTraining: isTraining);
            int at = item.Length / 2;
            sick.Input!.Span[at] = float.NaN;
            sick.Run();
            bool isFixed = clean.Sample.HasFixedStatistics;
            int group = item.GroupOf(at, isFixed);
            for (int i = 0; i < item.Length; i++)
            {
                bool isTouched = isFixed ? i == at : item.GroupOf(i, isFixed) == group;
                (isTouched ? float.IsNaN(sick.Tangent.Span[i]) : sick.Tangent.Span[i].Equals(clean.Tangent.Span[i])).Should().BeTrue();
                if (!isTouched)
                    sick.InputGradient.Span[i].Should().Be(clean.InputGradient.Span[i]);
            }
        }
    }

    [Fact]
    public void Results_that_are_not_wanted_change_no_bit_of_the_others()
    {
        foreach (string name in (string[])["Group [4, 6, 5] groups 3", "Layer [100, 773] over 1", "Batch [67, 19] tracking", "Batch [2, 3, 9001] tracking"])
        {
            SecondOrderSample<double> whole = new SecondOrderSample<double>(Cases.Named(name)).Run();
            SecondOrderSample<double> input = new(Cases.Named(name)), output = new(Cases.Named(name));
            input.Layer.Weight!.RequiresGradient = false;
            input.Layer.Forward(input.Sample.Input, input.Sample.Output, input.Sample.Context);
            input.Layer.DoubleBackward(input.Sample.OutputGradient, input.Options with { OutputGradientGradient = null });
            Values.Bits(input.InputGradient).Should().Equal(Values.Bits(whole.InputGradient));
            input.Layer.Weight.Gradient.Span.ToArray().Should().AllBeEquivalentTo(0.0, "γ is frozen");

            output.Layer.Forward(output.Sample.Input, output.Sample.Output, output.Sample.Context);
            output.Layer.DoubleBackward(output.Sample.OutputGradient, output.Options with { InputGradient = null });
            Values.Bits(output.OutputGradientGradient).Should().Equal(Values.Bits(whole.OutputGradientGradient));
            Values.Bits(output.Layer.Weight!.Gradient).Should().Equal(Values.Bits(whole.Layer.Weight!.Gradient));
            output.Layer.DoubleBackward(output.Sample.OutputGradient, output.Options);
            double[] twice = [.. whole.Layer.Weight.Gradient.Span.ToArray().Select(static value => value + value)];
            output.Layer.Weight.Gradient.Span.ToArray().Should().Equal(twice, "the gradient of γ adds up");
        }
    }

    [Fact]
    public void The_tangent_may_take_the_place_of_the_direction()
    {
        foreach (string name in (string[])["Group [4, 6, 5] groups 3", "Layer [100, 773] over 1", "Batch [67, 19] tracking"])
        {
            SecondOrderSample<float> sample = new SecondOrderSample<float>(Cases.Named(name)).Run();
            sample.Layer.ForwardTangent(sample.Input!, sample.Tangents);
            Values.Bits(sample.Input).Should().Equal(Values.Bits(sample.Tangent));
        }
    }

    [Fact]
    public void Virtual_batches_have_derivatives_of_their_own()
    {
        Tensor<double> x = Sample<double>.Normal([7, 3, 5], 1, 0, 1), v = Sample<double>.Normal([7, 3, 5], 2, 0, 1);
        Tensor<double> dy = Sample<double>.Normal([7, 3, 5], 3, 0, 1), whole = new(7, 3, 5);
        var layer = new BatchNorm1d<double>(3) { VirtualBatchSize = 3 };
        layer.Forward(x);
        layer.DoubleBackward(dy, new DoubleBackwardOptions<double> { InputGradientGradient = v, InputGradient = whole });
        double[] weightGradient = layer.Weight!.Gradient.Span.ToArray();
        layer = new BatchNorm1d<double>(3);
        foreach ((int first, int count) in ((int, int)[])[(0, 3), (3, 4)])
        {
            Tensor<double> Part(Tensor<double> tensor) => new(tensor.Memory.Slice(first * 15, count * 15), count, 3, 5);
            Tensor<double> part = new(count, 3, 5);
            layer.Forward(Part(x));
            layer.DoubleBackward(Part(dy), new DoubleBackwardOptions<double> { InputGradientGradient = Part(v), InputGradient = part });
            Values.Bits(part).Should().Equal(Values.Bits(Part(whole)));
        }
        layer.Weight!.Gradient.Span.ToArray().Should().Equal(weightGradient);
    }

    [Fact]
    public void The_weight_offset_is_a_part_of_the_weight()
    {
        LayerNorm<double> plain = new(6), offset = new(6) { WeightOffset = 0.5 };
        Normals.Of(6, 5).CopyTo(plain.Weight!.Value.Span);
        for (int i = 0; i < 6; i++)
        {
            plain.Weight.Value.Span[i] = Math.Round(plain.Weight.Value.Span[i] * 64) / 64;
            offset.Weight!.Value.Span[i] = plain.Weight.Value.Span[i] - 0.5;
        }
        Tensor<double> x = Sample<double>.Normal([4, 6], 1, 0, 1), v = Sample<double>.Normal([4, 6], 2, 0, 1), dy = Sample<double>.Normal([4, 6], 3, 0, 1);
        double[][] results = [.. new[] { plain, offset }.Select(layer =>
        {
            Tensor<double> result = new(4, 6), tangent = new(4, 6);
            layer.Forward(x);
            layer.DoubleBackward(dy, new DoubleBackwardOptions<double> { InputGradientGradient = v, InputGradient = result });
            layer.ForwardTangent(tangent, new TangentOptions<double> { InputTangent = v });
            return (double[])[.. result.Span, .. tangent.Span, .. layer.Weight!.Gradient.Span];
        })];
        results[1].Should().Equal(results[0]);
    }

    [Fact]
    public void The_channels_at_a_position_have_the_bits_of_rows()
    {
        NormalizationPlan positions = NormalizationPlan.Positions(2, 5, 3), rows = NormalizationPlan.Rows(6, 5);
        double[] x = Normals.Of(30, 1), dy = Normals.Of(30, 2), v = Normals.Of(30, 3), u = Normals.Of(5, 4), weight = Normals.Of(5, 5);
        double[] mean = new double[6], r = new double[6], first = new double[30], second = new double[30], gradient = new double[5];
        double[] firstRows = new double[30], secondRows = new double[30], gradientRows = new double[5];
        NormalizationPrimitives.FusedForward<double>(positions, x, [], [], 1e-5, default, Activation.None, new double[30], mean, r);
        NormalizationPrimitives.DoubleBackward<double>(positions, x, dy, weight, Terms(v, u, first, second, gradient), mean, r);
        NormalizationPrimitives.DoubleBackward<double>(
            rows, Turned(x), Turned(dy), weight, Terms(Turned(v), u, firstRows, secondRows, gradientRows), mean, r);
        Turned(first).Should().Equal(firstRows);
        Turned(second).Should().Equal(secondRows);
        gradient.Should().Equal(gradientRows);

        static DoubleBackwardTerms<double> Terms(double[] v, double[] u, double[] first, double[] second, double[] gradient) => new()
        {
            InputGradientGradient = v,
            WeightGradientGradient = u,
            OutputGradientGradient = first,
            InputGradient = second,
            WeightGradient = gradient,
        };

        static double[] Turned(double[] values) =>
            [.. Enumerable.Range(0, 30).Select(i => values[(i / 15 * 15) + (i % 5 * 3) + (i / 5 % 3)])];
    }

    private static void SameBits<T>(string name) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (bool isTraining in (bool[])[true, false])
        {
            long[] expected = new SecondOrderSample<T>(Cases.Named(name), isTraining: isTraining).Run().Bits();
            foreach ((int width, int degree) in ((int, int)[])[(128, 7), (256, 1), (512, 3)])
            {
                using Setting vectors = Setting.Width(width), threads = Setting.Degree(degree);
                new SecondOrderSample<T>(Cases.Named(name), isTraining: isTraining).Run().Bits().Should().Equal(expected);
            }
        }
    }
}
