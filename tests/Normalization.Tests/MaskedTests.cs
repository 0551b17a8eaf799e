using System.Numerics;

namespace Normalization.Tests;

/// <summary>Passes in which only some positions count: lengths, a mask or weights.</summary>
[Collection(nameof(Settings))]
public sealed class MaskedTests
{
    private static readonly Case[] _cases =
    [
        new(Kind.Batch, 5, 7, 300) { Track = true }, new(Kind.Batch, 6, 5, 17) { Track = true }, new(Kind.Batch, 41, 9) { Track = true },
        new(Kind.Batch, 3, 4, 5, 5) { Affine = false }, new(Kind.Batch, 3, 2, 9001) { Track = true }, new(Kind.Batch, 1, 3, 40) { Track = true },
        new(Kind.Batch, 5, 131, 9) { Track = true }, new(Kind.Batch, 6, 9, 200) { Track = true },
        new(Kind.Instance, 4, 3, 41) { Track = true }, new(Kind.Instance, 3, 5, 9, 9), new(Kind.Instance, 3, 2, 700) { Track = true, Affine = false },
        new(Kind.Group, 4, 6, 33) { Groups = 2 }, new(Kind.Group, 5, 8, 3) { Groups = 4, Affine = false }, new(Kind.Group, 3, 4, 600) { Groups = 4 },
        new(Kind.Group, 9, 8) { Groups = 2 }, new(Kind.Group, 3, 4, 9001) { Groups = 2 },
    ];

    public static TheoryData<string, Telling> All
    {
        get
        {
            var data = new TheoryData<string, Telling>();
            foreach (Case item in _cases)
            {
                foreach (Telling telling in Enum.GetValues<Telling>())
                    data.Add(item.ToString(), telling);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Training_computes_the_weighted_definition_whatever_lies_elsewhere(string name, Telling telling)
    {
        Compare<double>(name, telling, isTraining: true, 1e-12);
        Compare<float>(name, telling, isTraining: true, 2e-6);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Evaluation_computes_the_weighted_definition_whatever_lies_elsewhere(string name, Telling telling)
    {
        Compare<double>(name, telling, isTraining: false, 1e-12);
        Compare<float>(name, telling, isTraining: false, 2e-6);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_mean_far_above_the_deviation_costs_no_digits(string name, Telling telling)
    {
        // Running statistics are not those of such an input.
        if (!name.Contains("tracking", StringComparison.Ordinal))
            Compare<float>(name, telling, isTraining: true, 1e-5, mean: 20_000);
        Compare<double>(name.Replace(" tracking", "", StringComparison.Ordinal), telling, isTraining: true, 1e-8, mean: 20_000);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Every_width_and_every_number_of_threads_gives_the_same_bits(string name, Telling telling)
    {
        SameBits<float>(name, telling);
        SameBits<double>(name, telling);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void What_is_kept_is_not_written(string name, Telling telling)
    {
        foreach (bool isTraining in (bool[])[true, false])
        {
            MaskedSample<float> cleared = new MaskedSample<float>(Named(name), telling).Run(isTraining);
            var sample = new MaskedSample<float>(Named(name), telling);
            sample.Sample.Layer.Train(isTraining);
            sample.Sample.Output.Fill(7);
            sample.Sample.InputGradient.Fill(8);
            sample.Sample.Layer.Forward(sample.Sample.Input, sample.Sample.Output, sample.Options with { KeepsInvalid = true });
            sample.Sample.Layer.Backward(sample.Sample.OutputGradient, sample.Sample.InputGradient, sample.Sample.Context);
            for (int i = 0; i < sample.Sample.Output.Length; i++)
            {
                bool isValid = sample.IsValid(i);
                sample.Sample.Output.Span[i].Should().Be(isValid ? cleared.Sample.Output.Span[i] : 7);
                sample.Sample.InputGradient.Span[i].Should().Be(isValid ? cleared.Sample.InputGradient.Span[i] : 8);
            }
        }
    }

    private static Case Named(string name) => _cases.Single(item => item.ToString() == name || (item with { Track = false }).ToString() == name) is { } item
        && item.ToString() == name ? item : _cases.Single(item => (item with { Track = false }).ToString() == name) with { Track = false };

    private static void Compare<T>(string name, Telling telling, bool isTraining, double limit, double mean = 0.5)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var sample = new MaskedSample<T>(Named(name), telling, mean: mean);
        var expected = sample.Expected(isTraining);
        sample.Run(isTraining);
        Values.Distance(Values.Doubles(sample.Sample.Output), expected.Output).Should().BeLessThan(limit, "of the output");
        Values.Distance(Values.Doubles(sample.Sample.InputGradient), expected.InputGradient).Should().BeLessThan(limit, "of the input gradient");
        if (sample.Sample.Layer.Weight is not null)
        {
            Values.Distance(Values.Doubles(sample.Sample.Layer.Weight.Gradient), expected.Weight, 1).Should().BeLessThan(limit, "of γ");
            Values.Distance(Values.Doubles(sample.Sample.Layer.Bias!.Gradient), expected.Bias, 1).Should().BeLessThan(limit, "of β");
        }
        Values.Distance(Values.Doubles(sample.Sample.Running?.RunningMean), expected.Mean).Should().BeLessThan(limit, "of the running mean");
        Values.Distance(Values.Doubles(sample.Sample.Running?.RunningVariance), expected.Variance).Should().BeLessThan(limit, "of the running variance");
    }

    private static void SameBits<T>(string name, Telling telling) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        long[]? expected = null;
        foreach (int width in (int[])[128, 256, 512])
        {
            foreach (int degree in (int[])[1, 2, 5])
            {
                using Setting vectors = Setting.Width(width), threads = Setting.Degree(degree);
                long[] bits = new MaskedSample<T>(Named(name), telling).Run().Sample.Bits();
                expected ??= bits;
                bits.Should().Equal(expected);
            }
        }
    }
}
