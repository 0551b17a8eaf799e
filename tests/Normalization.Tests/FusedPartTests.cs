using System.Numerics;
using Normalization.Kernels.Machine;

namespace Normalization.Tests;

/// <summary>Passes in which each thread does all steps of some groups, beside the same steps one after another.</summary>
[Collection(nameof(Settings))]
public sealed class FusedPartTests
{
    private static readonly Case[] _cases =
    [
        new(Kind.Layer, 301, 773), new(Kind.Layer, 4001, 24), new(Kind.Rms, 130, 2051) { Affine = false }, new(Kind.Rms, 9, 70001),
        new(Kind.Group, 12, 6, 1031) { Groups = 2 }, new(Kind.Group, 40, 8, 15) { Groups = 2 }, new(Kind.Instance, 20, 7, 701) { Affine = true },
        new(Kind.Batch, 20, 7, 701) { Track = true },
    ];

    public static TheoryData<int> Indices => [.. Enumerable.Range(0, _cases.Length)];

    [Theory]
    [MemberData(nameof(Indices))]
    public void A_sum_has_the_bits_of_its_steps_with_every_number_of_threads(int index)
    {
        foreach (int degree in (int[])[1, 2, 5])
        {
            using var setting = Setting.Degree(degree);
            foreach (bool isTraining in (bool[])[true, false])
                CompareSum(_cases[index] with { Activation = degree == 2 ? Activation.Silu : Activation.None }, isTraining);
        }
    }

    public static TheoryData<Activation> Activations => [.. Enum.GetValues<Activation>()];

    [Theory]
    [MemberData(nameof(Activations))]
    public void Rows_take_the_gradient_through_an_activation_with_the_bits_of_its_steps(Activation activation)
    {
        Case[] cases =
        [
            new(Kind.Layer, 61, 773), new(Kind.Layer, 1001, 24), new(Kind.Rms, 130, 2051), new(Kind.Layer, 40, 1031) { Bias = false },
            new(Kind.Group, 40, 8, 15) { Groups = 2 }, new(Kind.Group, 5, 64, 3, 3) { Groups = 4 }, new(Kind.Rms, 3, 70001), new(Kind.Layer, 7, 9000),
        ];
        foreach (Case item in cases)
        {
            foreach (int degree in (int[])[1, 3])
            {
                using var setting = Setting.Degree(degree);
                foreach (Terms terms in (Terms[])[Terms.None, Terms.Residual, Terms.Skip])
                {
                    CompareGradients(new FusedSample<float>(item with { Activation = activation }, terms), terms);
                    CompareGradients(new FusedSample<double>(item with { Activation = activation }, terms), terms);
                }
            }
        }
    }

    /// <summary>The end of a slice overlaps what comes before the end, and both are read before one of them is written.</summary>
    [Fact]
    public void An_activation_in_the_place_of_the_input_has_the_bits_of_one_beside_it()
    {
        for (int length = 1; length < 70; length++)
        {
            Sample<float> sample = new(new(Kind.Instance, 2, 3, length) { Affine = true, Track = true, Activation = Activation.Gelu });
            sample.Layer.Eval();
            sample.Layer.Forward(sample.Input, sample.Output);
            sample.Layer.Forward(sample.Input, sample.Input);
            Values.Bits(sample.Input).Should().Equal(Values.Bits(sample.Output), "slices of {0}", length);
        }
    }

    [Fact]
    public void Rows_beyond_the_range_take_the_gradient_through_an_activation()
    {
        foreach (double scale in (double[])[1e-33, 1e33])
        {
            var item = new Case(Kind.Layer, 23, 517) { Activation = Activation.Silu, Epsilon = 0 };
            CompareGradients(new FusedSample<float>(item, Terms.None, scale: scale), Terms.None);
        }
    }

    /// <summary>
    /// Four rows are written at a time, and a sample may end between them; rows without weights, short rows, long rows in segments, and
    /// rows that floats do not hold take ways of their own.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(1e33)]
    public void Rows_of_a_sample_take_a_scale_and_a_shift_with_the_bits_of_the_steps(double scale)
    {
        (Case Item, int Samples)[] cases =
        [
            (new(Kind.Layer, 5, 7, 517), 5), (new(Kind.Layer, 4, 6, 24) { Affine = false }, 4), (new(Kind.Layer, 9, 31) { Affine = false }, 9),
            (new(Kind.Rms, 3, 2, 1031), 6), (new(Kind.Layer, 2, 3, 9001) { Affine = false }, 2), (new(Kind.Rms, 2, 2, 8197) { Affine = false }, 2),
            (new(Kind.Layer, 2, 3, 9001), 2), (new(Kind.Layer, 3, 5, 3) { Bias = false }, 1), (new(Kind.Layer, 3, 400, 65) { Affine = false }, 3),
        ];
        foreach ((Case item, int samples) in cases)
        {
            foreach (int degree in (int[])[1, 3])
            {
                using var setting = Setting.Degree(degree);
                foreach (Terms terms in (Terms[])[Terms.Scale | Terms.Shift, Terms.Scale | Terms.ScaleIncludesOne | Terms.Residual, Terms.Shift | Terms.Skip])
                {
                    CompareOutputs(new FusedSample<float>(item with { Epsilon = 0 }, terms, samples, scale));
                    CompareOutputs(new FusedSample<double>(item with { Activation = Activation.Relu }, terms, samples, scale));
                }
            }
        }
    }

    /// <summary>The sum and the output go past the cache from a size on that depends on the machine.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void A_sum_that_leaves_the_cache_has_the_bits_of_its_steps(int tensors)
    {
        const int Width = 1021;
        Assert.SkipWhen(Thresholds.LastLevelCacheBytes > 64 << 20, "The tensors would have to be too large for a test.");
        int most = (int)(Thresholds.LastLevelCacheBytes / 4 * 3 / (tensors * Width * sizeof(float)));
        foreach (int degree in (int[])[1, 3])
        {
            using var setting = Setting.Degree(degree);
            CompareSum(new(Kind.Layer, most, Width), isTraining: true);
            CompareSum(new(Kind.Layer, most + 1, Width), isTraining: false);
        }
    }

    /// <summary>Without a place for the gradient of the skip, which is the gradient that the norm takes.</summary>
    private static void CompareGradients<T>(FusedSample<T> sample, Terms terms) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        sample.Compose();
        sample.Layer.Layer.Train();
        sample.Layer.Layer.Forward(sample.Layer.Input, sample.Layer.Output, sample.Forward);
        sample.Layer.Layer.Backward(sample.Layer.OutputGradient, sample.Layer.InputGradient, sample.Backward with { SkipGradient = null });
        Values.Bits(sample.Layer.InputGradient).Should().Equal(Values.Bits(sample.Plain.InputGradient), "{0} with {1}", sample.Layer.Case, terms);
        for (int i = 0; i < sample.Layer.Layer.Parameters.Count; i++)
        {
            Tensor<T> actual = sample.Layer.Layer.Parameters[i].Gradient, expected = sample.Plain.Layer.Parameters[i].Gradient;
            Values.Bits(actual).Should().Equal(Values.Bits(expected), "{0} with {1}", sample.Layer.Case, terms);
        }
    }

    private static void CompareOutputs<T>(FusedSample<T> sample) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T[] expected = sample.Compose().Output;
        sample.Layer.Layer.Forward(sample.Layer.Input, sample.Layer.Output, sample.Forward);
        sample.Layer.Output.Span.SequenceEqual(expected).Should().BeTrue("{0} at {1}", sample.Layer.Case, sample.Layer.Input.Span[0]);
    }

    /// <summary>With the sum in memory of its own, in the place of the input or of the residual, and without it.</summary>
    private static void CompareSum(Case item, bool isTraining)
    {
        Sample<float> plain = new(item);
        Tensor<float> residual = Sample<float>.Normal(item.Shape, 11, 0.1, 0.7), sum = plain.Input.Clone();
        for (int i = 0; i < sum.Length; i++)
            sum.Span[i] += residual.Span[i];
        plain.Layer.Train(isTraining);
        plain.Layer.Forward(sum, plain.Output, plain.Context);
        for (int place = 0; place < 4; place++)
        {
            Sample<float> sample = new(item);
            Tensor<float> added = residual.Clone(), own = Sample<float>.Padded(item.Shape);
            Tensor<float>? written = place switch { 0 => own, 1 => sample.Input, 2 => added, _ => null };
            if (written is null && isTraining)
                continue;
            sample.Layer.Train(isTraining);
            ForwardOptions<float> options = new() { Residual = added, Sum = written, Context = isTraining ? sample.Context : null };
            sample.Layer.Forward(sample.Input, sample.Output, options);
            sample.Output.Span.SequenceEqual(plain.Output.Span).Should().BeTrue("output of {0}, place {1}", item, place);
            written?.Span.SequenceEqual(sum.Span).Should().BeTrue("sum of {0}, place {1}", item, place);
        }
    }
}
