using System.Numerics;

namespace Normalization.Tests;

/// <summary>Valid positions that are the first ones, or all, which are gone over as without a mask; and sums of valid positions in float.</summary>
public sealed class MaskedPrefixTests
{
    private static readonly Case[] _cases =
    [
        new(Kind.Group, 3, 6, 33) { Groups = 2 }, new(Kind.Group, 3, 8, 50) { Groups = 2 },
        new(Kind.Group, 3, 6, 140) { Groups = 3 }, new(Kind.Instance, 3, 2, 700), new(Kind.Group, 3, 2, 9001) { Groups = 1 },
    ];

    private static readonly Case[] _full =
    [
        new(Kind.Batch, 3, 4, 300) { Track = true }, new(Kind.Batch, 6, 5, 17) { Track = true, Activation = Activation.Silu },
        new(Kind.Batch, 41, 9), new(Kind.Group, 3, 8, 5) { Groups = 4 }, new(Kind.Group, 3, 8, 50) { Groups = 2, Affine = false },
        new(Kind.Batch, 3, 6, 6) { Axis = ChannelAxis.Last, Activation = Activation.Relu }, new(Kind.Instance, 3, 4, 600) { Track = true },
    ];

    public static TheoryData<int> Cases => [.. Enumerable.Range(0, _cases.Length)];

    public static TheoryData<int> Full => [.. Enumerable.Range(0, _full.Length)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Shorter_samples_beside_it_do_not_change_a_bit_of_a_sample_without_padding(int index)
    {
        Check<float>();
        Check<double>();

        void Check<T>() where T : unmanaged, IBinaryFloatingPointIeee754<T>
        {
            Case item = _cases[index];
            Sample<T> plain = new Sample<T>(item).Run();
            int[] lengths = [item.S, item.S - 7, item.S];
            bool[] mask = [.. lengths.SelectMany(length => Enumerable.Range(0, item.S).Select(i => i < length))];
            long[]? expected = null;
            foreach (ForwardOptions<T> options in (ForwardOptions<T>[])[new() { Lengths = lengths }, new() { Mask = mask }])
            {
                Sample<T> sample = new(item);
                sample.Layer.Forward(sample.Input, sample.Output, options with { Context = sample.Context });
                sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
                for (int n = 0; n < 3; n += 2)
                {
                    Of(sample.Output, n).Should().Equal(Of(plain.Output, n), "of the output");
                    Of(sample.InputGradient, n).Should().Equal(Of(plain.InputGradient, n), "of the input gradient");
                }
                // A mask of first positions is lengths.
                expected ??= sample.Bits();
                sample.Bits().Should().Equal(expected);
            }

            long[] Of(Tensor<T> tensor, int n) => Values.Bits<T>(tensor.Span.Slice(n * item.C * item.S, item.C * item.S));
        }
    }

    [Theory]
    [MemberData(nameof(Full))]
    public void A_mask_that_leaves_nothing_out_changes_no_bit(int index)
    {
        Case item = _full[index];
        long[] expected = new Sample<float>(item).Run().Bits();
        Tensor<float> ones = Tensor<float>.Full([item.N, item.S], 1);
        bool[] mask = new bool[item.N * item.S];
        Array.Fill(mask, true);
        int[] lengths = new int[item.N];
        Array.Fill(lengths, item.S);
        foreach (ForwardOptions<float> options in (ForwardOptions<float>[])[new() { Lengths = lengths }, new() { Mask = mask }, new() { Weights = ones }])
        {
            Sample<float> sample = new(item);
            sample.Layer.Forward(sample.Input, sample.Output, options with { Context = sample.Context, KeepsInvalid = true });
            sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
            sample.Bits().Should().Equal(expected);
        }
    }

    /// <summary>Such a mean was summed in float. What all dy have in common would multiply its error.</summary>
    [Theory]
    [InlineData(Telling.Lengths)]
    [InlineData(Telling.Mask)]
    [InlineData(Telling.Weights)]
    public void A_large_common_part_of_the_output_gradient_costs_valid_positions_no_digits(Telling telling)
    {
        Case[] items =
        [
            new(Kind.Instance, 3, 3, 60), new(Kind.Instance, 3, 3, 900), new(Kind.Group, 3, 6, 700) { Groups = 2 }, new(Kind.Batch, 3, 3, 400),
            new(Kind.Batch, 3, 2, 9001), new(Kind.Batch, 40, 7, 3), new(Kind.Batch, 90, 21),
        ];
        foreach (Case item in items)
        {
            var sample = new MaskedSample<float>(item, telling, mean: 0.3, deviation: 0.01, garbage: false);
            sample.Sample.Layer.Weight!.Value.Fill(1.375f);
            foreach (ref float value in sample.Sample.OutputGradient.Span)
                value += 1e4f;
            var expected = sample.Expected(isTraining: true);
            sample.Run();
            Values.Distance(Values.Doubles(sample.Sample.InputGradient), expected.InputGradient).Should().BeLessThan(3e-7, "dx of {0}", item);
            // Where a group is a channel and all positions weigh the same, x̂ sums to zero.
            if (item.Kind != Kind.Group && telling != Telling.Weights)
                Values.Distance(Values.Doubles(sample.Sample.Layer.Weight.Gradient), expected.Weight, Math.Sqrt(item.N * item.S)).Should().BeLessThan(3e-7, "dγ of {0}", item);
        }
    }

    /// <summary>Sums in float would lose the digits of data that lies far from zero, or leaves the range of floats when it is squared.</summary>
    [Theory]
    [InlineData(1e4, 1e-2)]
    [InlineData(-1e6, 1)]
    [InlineData(0, 1e30)]
    [InlineData(0, 1e-30)]
    public void Hard_data_costs_valid_positions_no_digits(double mean, double deviation)
    {
        foreach (Kind kind in (Kind[])[Kind.Batch, Kind.Group, Kind.Instance])
        {
            foreach (Telling telling in Enum.GetValues<Telling>())
            {
                Check(new(kind, 3, 4, 900) { Groups = 2, Epsilon = 0 }, telling);
                if (kind == Kind.Batch)
                    Check(new(kind, 60, 7, 5) { Epsilon = 0 }, telling);
            }
        }

        void Check(Case item, Telling telling)
        {
            var sample = new MaskedSample<float>(item, telling, mean: mean, deviation: deviation);
            (double[] output, double[] inputGradient, _, _, _, _) = sample.Expected(isTraining: true);
            sample.Run();
            Values.Distance(Values.Doubles(sample.Sample.Output), output).Should().BeLessThan(3.0 / (1 << 23), "output of {0} with {1}", item, telling);
            Values.Distance(Values.Doubles(sample.Sample.InputGradient), inputGradient).Should().BeLessThan(6e-7, "dx of {0} with {1}", item, telling);
        }
    }
}
