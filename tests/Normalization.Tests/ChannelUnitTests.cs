namespace Normalization.Tests;

/// <summary>Channels of short slices get their coefficients four at a time.</summary>
public sealed class ChannelUnitTests
{
    /// <summary>Channels and groups: fours of one group, fours of several groups, groups of one channel, and channels that are left.</summary>
    public static TheoryData<int, int> Channels => new() { { 12, 3 }, { 12, 4 }, { 10, 5 }, { 22, 2 }, { 8, 1 }, { 13, 13 }, { 3, 1 } };

    [Theory]
    [MemberData(nameof(Channels))]
    public void A_channel_that_floats_cannot_hold_leaves_its_neighbors_as_they_are(int channels, int groups)
    {
        const int Positions = 50, Samples = 2;
        var sample = new Sample<float>(new Case(Kind.Group, Samples, channels, Positions) { Groups = groups });
        sample.Run();
        Values.Distance(Values.Doubles(sample.Output), Reference.Of(sample).Output, 1).Should().BeLessThan(1e-6);
        long[] before = Values.Bits(sample.Output);
        for (int hard = 0; hard < channels; hard++)
        {
            float weight = sample.Layer.Weight!.Value.Span[hard];
            sample.Layer.Weight.Value.Span[hard] = 4e37f;
            sample.Run();
            sample.Layer.Weight.Value.Span[hard] = weight;
            for (int slice = 0; slice < Samples * channels; slice++)
            {
                Range own = (slice * Positions)..((slice + 1) * Positions);
                if (slice % channels != hard)
                    Values.Bits(sample.Output)[own].Should().Equal(before[own]);
                else
                    Values.Doubles(sample.Output)[own].Max(Math.Abs).Should().BeInRange(4e37, float.MaxValue);
            }
        }
    }

    /// <summary>Columns of one row are summed in double; a short row alone would be summed in float.</summary>
    [Fact]
    public void The_running_variance_of_one_short_slice_is_rounded_once()
    {
        for (int seed = 1; seed <= 20; seed++)
        {
            var layer = new BatchNorm1d<float>(3, momentum: 1);
            var input = Tensor<float>.RandomNormal([1, 3, 100], seed);
            layer.Forward(input);
            for (int channel = 0; channel < 3; channel++)
            {
                double[] own = Array.ConvertAll(input.Span.Slice(channel * 100, 100).ToArray(), static value => (double)value);
                double mean = own.Average(), variance = own.Sum(value => (value - mean) * (value - mean)) / 99;
                layer.RunningVariance!.Span[channel].Should().Be((float)variance);
            }
        }
    }

    /// <summary>Few samples make slices of what many samples make columns of.</summary>
    [Theory]
    [InlineData(8, 64)]
    [InlineData(9, 64)]
    [InlineData(4, 32)]
    [InlineData(2, 31)]
    [InlineData(8, 255)]
    [InlineData(1, 100)]
    public void Few_and_many_samples_have_the_results_of_the_closed_form(int samples, int positions)
    {
        var sample = new Sample<float>(new Case(Kind.Batch, samples, 11, positions));
        var reference = Reference.Of(sample);
        (double[] input, double[] weight, double[] bias) = reference.Gradients(Values.Doubles(sample.OutputGradient));
        sample.Run();
        Values.Distance(Values.Doubles(sample.Output), reference.Output, 1).Should().BeLessThan(1e-6);
        Values.Distance(Values.Doubles(sample.InputGradient), input, reference.LargestTerm).Should().BeLessThan(3e-7);
        Values.Distance(Values.Doubles(sample.Layer.Weight!.Gradient), weight, samples * positions).Should().BeLessThan(3e-7);
        Values.Distance(Values.Doubles(sample.Layer.Bias!.Gradient), bias, samples * positions).Should().BeLessThan(3e-7);
    }
}
