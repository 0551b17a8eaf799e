using System.Numerics;

namespace Normalization.Tests;

/// <summary>Data that costs sums their digits.</summary>
public sealed class PrecisionTests
{
    private static readonly Case[] _layers =
    [
        new(Kind.Batch, 60, 35), new(Kind.Batch, 6, 3, 7, 7), new(Kind.Batch, 3, 3, 300), new(Kind.Batch, 2, 2, 20_003),
        new(Kind.Instance, 3, 5, 37), new(Kind.Instance, 2, 2, 20_003),
        new(Kind.Group, 3, 6, 11) { Groups = 3 }, new(Kind.Group, 3, 6, 40) { Groups = 2 }, new(Kind.Layer, 5, 133), new(Kind.Layer, 2, 20_003),
    ];

    public static TheoryData<int> Layers => [.. Enumerable.Range(0, _layers.Length)];

    /// <summary>With one weight for all, what a group's outputs have in common has no effect on its inputs.</summary>
    [Theory]
    [MemberData(nameof(Layers))]
    public void A_large_common_part_of_the_output_gradient_costs_no_digits(int layer)
    {
        Check<double>(1e5, 1e-13);
        Check<double>(-1e9, 1e-13);
        Check<float>(1e4, 3e-7);

        void Check<T>(double common, double limit) where T : unmanaged, IBinaryFloatingPointIeee754<T>
        {
            var sample = new Sample<T>(_layers[layer]);
            sample.Layer.Weight!.Value.Fill(T.CreateChecked(1.375));
            foreach (ref T value in sample.OutputGradient.Span)
                value += T.CreateChecked(common);
            var reference = Reference.Of(sample);
            sample.Run();
            (double[] input, double[] weight, _) = reference.Gradients(Values.Doubles(sample.OutputGradient));
            Norm(Values.Doubles(sample.InputGradient), input).Should().BeLessThan(limit * 2, "dx with {0}", common);
            // Where a group is a channel, x̂ sums to zero in it; elsewhere the common part is a part of the gradient.
            double scale = Math.Sqrt(sample.Case.N * (double)sample.Case.S);
            if (sample.Case.Kind is Kind.Batch)
                Norm(Values.Doubles(sample.Layer.Weight.Gradient), weight, scale).Should().BeLessThan(limit * 2, "dγ with {0}", common);
        }
    }

    [Theory]
    [InlineData(Kind.Layer, 8192, 16)]
    [InlineData(Kind.Layer, 100_000, 16)]
    [InlineData(Kind.Batch, 1019, 1)]
    public void Errors_that_round_the_same_way_all_along_stay_within_1e_13(Kind kind, int count, int lanes)
    {
        double[] x = Searched(count, lanes, restart: 8192);
        Case item = kind == Kind.Layer ? new(kind, 1, count) : new(kind, count, 1) { Track = true, Momentum = 1 };
        var sample = new Sample<double>(item with { Epsilon = 0 });
        x.CopyTo(sample.Input.Span);
        sample.Layer.Weight!.Value.Fill(1);
        sample.Layer.Bias!.Value.Fill(0);
        var reference = Reference.Of(sample);
        sample.Layer.Forward(sample.Input, sample.Output, sample.Context);
        double[] y = reference.Output;
        Values.Distance(Values.Doubles(sample.Output), y, i => Math.Max(1, Math.Abs(y[i]))).Should().BeLessThan(1e-13);
        (sample.Context.GetInverseStandardDeviation(0) / reference.InverseStandardDeviation[0]).Should().BeApproximately(1, 1e-13);
        if (item.Track)
            (sample.Running!.RunningVariance!.Span[0] / reference.Batch().Variance[0]).Should().BeApproximately(1, 1e-13);
    }

    [Theory]
    [InlineData(2048)]
    [InlineData(20_000)]
    public void The_sums_of_a_row_s_gradient_that_round_the_same_way_all_along_stay_within_1e_13(int width)
    {
        // dy lies farther from its pivot than the promise allows, so that there is more to round.
        const int Lanes = 8, Tile = 2048;
        const double Deviations = 16;
        double[] dy = new double[width], sums = new double[Lanes];
        var random = new Random(7);
        for (int i = 0; i < width; i++)
        {
            if (i % Tile == 0)
                Array.Clear(sums);
            double sum = sums[i % Lanes], center = Deviations + (i / Lanes % 2 == 0 ? 1 : -1);
            dy[i] = Best(random, draw => center + (0.1 * draw), term => RoundedUp(sum, term));
            sums[i % Lanes] += dy[i];
        }
        // The pivot is the median of these three.
        dy[0] = dy[width / 2] = dy[^1] = 0;
        var sample = new Sample<double>(new Case(Kind.Layer, 1, width));
        sample.Layer.Weight!.Value.Fill(1);
        dy.CopyTo(sample.OutputGradient.Span);
        var reference = Reference.Of(sample);
        double mean = dy.Average();
        double scale = reference.InverseStandardDeviation[0] * Math.Sqrt(dy.Sum(value => (value - mean) * (value - mean)));
        sample.Run();
        Norm(Values.Doubles(sample.InputGradient), reference.Gradients(dy).Input, scale).Should().BeLessThan(1e-13);
    }

    [Fact]
    public void Parameter_gradients_of_many_rows_that_round_the_same_way_stay_within_1e_13()
    {
        const int Rows = 20_000, Width = 3;
        double[] dy = Searched(Rows, lanes: 1, restart: Rows);
        var sample = new Sample<double>(new Case(Kind.Layer, Rows, Width));
        for (int i = 0; i < sample.OutputGradient.Length; i++)
            sample.OutputGradient.Span[i] = dy[i / Width];
        sample.Run();
        double[] bias = Reference.Of(sample).Gradients(Values.Doubles(sample.OutputGradient)).Bias;
        Values.Distance(Values.Doubles(sample.Layer.Bias!.Gradient), bias).Should().BeLessThan(1e-13);
    }

    [Fact]
    public void Blocks_of_rows_are_added_with_what_the_additions_round_off()
    {
        // Blocks have 64 rows, of which only the first is not zero. So nothing but the sum of the blocks is rounded.
        const int Blocks = 16, RowsOfBlock = 64, Columns = 1024;
        var layer = new BatchNorm1d<double>(Columns);
        var input = Tensor<double>.RandomNormal([Blocks * RowsOfBlock, Columns], seed: 1);
        var outputGradient = new Tensor<double>(Blocks * RowsOfBlock, Columns);
        var sums = new DoubleDouble[Columns];
        var random = new Random(7);
        for (int block = 0; block < Blocks; block++)
        {
            for (int column = 0; column < Columns; column++)
            {
                double value = (block == 0 ? 0 : 1) + random.NextDouble();
                outputGradient[block * RowsOfBlock + 1, column] = value;
                sums[column] += value;
            }
        }
        layer.Forward(input);
        layer.Backward(outputGradient);
        double[] exact = Array.ConvertAll(sums, static sum => (double)sum);
        Values.Distance(layer.Bias!.Gradient.Span, exact, i => exact[i]).Should().BeLessThan(Math.ScaleB(1, -52));
    }

    /// <summary>Backward takes the mean again in double, and leaves the statistics of the forward pass as they are.</summary>
    [Theory]
    [MemberData(nameof(Layers))]
    public void A_backward_pass_with_a_large_common_part_has_the_same_bits_again(int layer)
    {
        var sample = new Sample<float>(_layers[layer]);
        foreach (ref float value in sample.OutputGradient.Span)
            value += 1e4f;
        sample.Run();
        (long[] input, long[] weight) = (Values.Bits(sample.InputGradient), Values.Bits(sample.Layer.Weight!.Gradient));
        sample.Layer.ZeroGradients();
        sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
        Values.Bits(sample.InputGradient).Should().Equal(input);
        Values.Bits(sample.Layer.Weight.Gradient).Should().Equal(weight);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(1000.0)]
    public void GroupNorm_of_short_runs_adds_its_parameter_gradients_in_double(double magnitude)
    {
        // Of statistics, and of 16 terms at a time, that were summed in float.
        const double ErrorOfFloats = 8e-8;
        Case[] layers =
        [
            new(Kind.Group, 2, 32, 31) { Groups = 4 }, new(Kind.Group, 2, 140, 7) { Groups = 4 }, new(Kind.Group, 8, 12, 16) { Groups = 3 },
        ];
        foreach (Case item in layers)
        {
            var sample = new Sample<float>(item);
            for (int i = 0; i < sample.OutputGradient.Length; i++)
                sample.OutputGradient.Span[i] += (float)(i % 2 == 0 ? magnitude : -magnitude);
            var reference = Reference.Of(sample);
            sample.Run();
            (_, double[] weight, double[] bias) = reference.Gradients(Values.Doubles(sample.OutputGradient));
            double terms = sample.OutputGradient.Span.ToArray().Sum(static value => Math.Abs((double)value)) / item.C;
            Rounded(sample.Layer.Weight!.Gradient, weight, terms);
            Rounded(sample.Layer.Bias!.Gradient, bias, terms);
        }

        // The sums are in double: what is left is the rounding of the result, and what the floats are off by.
        static void Rounded(Tensor<float> actual, double[] expected, double terms) => Values
            .Distance(Values.Doubles(actual), expected, i => Values.FloatUlp(expected[i]) + (ErrorOfFloats * terms)).Should()
            .BeLessThanOrEqualTo(0.51);
    }

    private static double Norm(double[] actual, double[] expected, double scale = 0)
    {
        double error = 0, norm = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        return Math.Sqrt(error) / Math.Max(Math.Sqrt(norm), scale);
    }

    /// <summary>
    /// Positive data whose first element, the pivot, lies nearly two deviations below the mean, the most that a pivot may. Each element
    /// is the one of many whose rounding makes the variance Σd²/n - (Σd/n)² the largest: it rounds its lane's sum of d² up and that of d
    /// down. The large elements come first, so that what is rounded is large all along.
    /// </summary>
    private static double[] Searched(int count, int lanes, int restart)
    {
        const double Large = 2.5, ShareOfLarge = 0.79, Mean = 2;
        double[] x = new double[count], sums = new double[lanes], squares = new double[lanes];
        var random = new Random(7);
        for (int i = 1; i < count; i++)
        {
            int place = i % restart;
            if (place == 0)
            {
                Array.Clear(sums);
                Array.Clear(squares);
            }
            ref double sum = ref sums[i % lanes], square = ref squares[i % lanes];
            double oldSum = sum, oldSquare = square;
            bool isLarge = place < ShareOfLarge * Math.Min(restart, count);
            x[i] = Best(
                random,
                draw => isLarge ? Large * (1 + (0.03 * draw)) : 0.05 * draw,
                d => RoundedUp(oldSquare, d, d) - (2 * Mean * RoundedUp(oldSum, d)));
            sum += x[i];
            square = Math.FusedMultiplyAdd(x[i], x[i], square);
        }
        return x;
    }

    /// <summary>The best of many candidates, each made of a number from -1 to 1.</summary>
    private static double Best(Random random, Func<double, double> candidate, Func<double, double> quality)
    {
        double best = double.NegativeInfinity, chosen = 0;
        for (int i = 0; i < 32; i++)
        {
            double value = candidate((2 * random.NextDouble()) - 1), found = quality(value);
            if (found > best)
                (best, chosen) = (found, value);
        }
        return chosen;
    }

    /// <summary>By how much total + a · b, rounded, is too large.</summary>
    private static double RoundedUp(double total, double a, double b = 1) =>
        -Math.FusedMultiplyAdd(a, b, total - Math.FusedMultiplyAdd(a, b, total));
}
