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
    [InlineData(1, 8192)]
    [InlineData(1, 100_000)]
    [InlineData(2, 1019)]
    public void Errors_that_round_the_same_way_all_along_stay_within_1e_13(int groups, int count)
    {
        // Each element is the one of a few that rounds its lane's sums of d and d² up the furthest.
        double[] x = Searched(count, lanes: groups == 1 ? 16 : 1);
        Case item = groups == 1 ? new(Kind.Layer, 1, count) : new(Kind.Batch, count, 1) { Track = true, Momentum = 1 };
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

    [Fact]
    public void Parameter_gradients_of_many_rows_that_round_the_same_way_stay_within_1e_13()
    {
        const int Rows = 40_000, Width = 3;
        double[] dy = Searched(Rows, lanes: 1);
        var sample = new Sample<double>(new Case(Kind.Layer, Rows, Width));
        for (int i = 0; i < sample.OutputGradient.Length; i++)
            sample.OutputGradient.Span[i] = Math.Abs(dy[i / Width]);
        sample.Run();
        double[] bias = Reference.Of(sample).Gradients(Values.Doubles(sample.OutputGradient)).Bias;
        Values.Distance(Values.Doubles(sample.Layer.Bias!.Gradient), bias).Should().BeLessThan(1e-15);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(1000.0)]
    public void GroupNorm_of_short_runs_adds_its_parameter_gradients_in_double(double magnitude)
    {
        Case[] layers =
        [
            new(Kind.Group, 2, 64, 31) { Groups = 4 }, new(Kind.Group, 2, 2000, 7) { Groups = 4 }, new(Kind.Group, 8, 12, 16) { Groups = 3 },
        ];
        foreach (Case item in layers)
        {
            var sample = new Sample<float>(item);
            for (int i = 0; i < sample.OutputGradient.Length; i++)
                sample.OutputGradient.Span[i] += (float)(i % 2 == 0 ? magnitude : -magnitude);
            var reference = Reference.Of(sample);
            sample.Run();
            (_, double[] weight, double[] bias) = reference.Gradients(Values.Doubles(sample.OutputGradient));
            Rounded(sample.Layer.Weight!.Gradient, weight);
            Rounded(sample.Layer.Bias!.Gradient, bias);
        }

        // The sums are in double: what is left is the rounding of the result.
        static void Rounded(Tensor<float> actual, double[] expected) =>
            Values.Distance(Values.Doubles(actual), expected, i => Values.FloatUlp(expected[i]) + 1e-7).Should().BeLessThanOrEqualTo(0.51);
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

    private static double[] Searched(int count, int lanes)
    {
        const int Candidates = 12;
        double[] x = new double[count], sums = new double[lanes], squares = new double[lanes];
        var random = new Random(7);
        x[0] = -1.5;
        for (int i = 1; i < count; i++)
        {
            ref double sum = ref sums[i % lanes], square = ref squares[i % lanes];
            double best = double.NegativeInfinity, chosen = 0;
            for (int candidate = 0; candidate < Candidates; candidate++)
            {
                double value = (random.NextDouble() - 0.5) * 3, d = value - x[0];
                double up = Error(sum, d) + Error(square, d * d);
                if (up > best)
                    (best, chosen) = (up, d);
            }
            x[i] = x[0] + chosen;
            sum += chosen;
            square = Math.FusedMultiplyAdd(chosen, chosen, square);
        }
        return x;

        static double Error(double total, double term)
        {
            double sum = total + term, part = sum - total;
            return -((total - (sum - part)) + (term - part));
        }
    }
}
