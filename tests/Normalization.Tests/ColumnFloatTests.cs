using System.Numerics;

namespace Normalization.Tests;

/// <summary>Columns whose sums are taken in float where float is enough, and in double where it is not.</summary>
public sealed class ColumnFloatTests
{
    private const int Rows = 70;
    private const int Channels = 36;
    private const double Epsilon = 1e-12;

    /// <summary>What makes a channel too hard for sums in float.</summary>
    public enum Hard { Huge, Outlier, CommonGradient, TinyGradient, ZeroGradient, NotANumber }

    public static TheoryData<Hard> All => [.. Enum.GetValues<Hard>()];

    [Theory]
    [MemberData(nameof(All))]
    public void A_channel_that_is_too_hard_for_floats_leaves_the_bits_of_its_neighbors(Hard hard)
    {
        foreach (Func<NormalizationLayer<float>> create in (Func<NormalizationLayer<float>>[])[Batch<float>, Instance<float>])
        {
            Result<float> expected = new(create(), []);
            foreach (int[] channels in (int[][])[[0], [Channels - 1], [5, 6, 7], [.. Enumerable.Range(1, Channels - 2)]])
            {
                Result<float> actual = new(create(), channels, hard);
                for (int channel = 0; channel < Channels; channel++)
                {
                    if (!channels.Contains(channel))
                        actual.Bits(channel).Should().Equal(expected.Bits(channel), "channel {0}", channel);
                }
            }
        }
    }

    /// <summary>Doubles have no sums in float.</summary>
    [Theory]
    [InlineData(Hard.Huge)]
    [InlineData(Hard.Outlier)]
    [InlineData(Hard.CommonGradient)]
    [InlineData(Hard.TinyGradient)]
    [InlineData(Hard.ZeroGradient)]
    public void A_channel_that_is_too_hard_for_floats_is_as_exact_as_any(Hard hard)
    {
        int[] channels = [0, 1, 2, 3, 9, .. Enumerable.Range(20, Channels - 20)];
        Compare(new(Batch<float>(), channels, hard), new(Batch<double>(), channels, hard), channelsPerGroup: 1);
        Compare(new(Instance<float>(), channels, hard), new(Instance<double>(), channels, hard), channelsPerGroup: 1);
        Compare(new(Group<float>(), channels, hard), new(Group<double>(), channels, hard), channelsPerGroup: 4);
    }

    private static void Compare(Result<float> actual, Result<double> exact, int channelsPerGroup)
    {
        for (int i = 0; i < actual.Output.Length; i++)
            Math.Abs(actual.Output[i] - exact.Output[i]).Should().BeLessThan(3.6e-7 * Math.Max(1, Math.Abs(exact.Output[i])));
        foreach (int[] group in Enumerable.Range(0, Channels).Chunk(channelsPerGroup))
        {
            double[] dy = [.. group.SelectMany(channel => Result<double>.Column(exact.OutputGradient, channel))];
            double[] x = [.. group.SelectMany(channel => Result<double>.Column(exact.Input, channel))];
            double mean = x.Average(), r = 1 / Math.Sqrt(x.Average(value => (value - mean) * (value - mean)) + Epsilon);
            double error = 0;
            foreach (int channel in group)
            {
                error += Result<double>.Column(exact.InputGradient, channel)
                    .Zip(Result<double>.Column(actual.InputGradient, channel), static (left, right) => (left - right) * (left - right)).Sum();
            }
            double common = dy.Average(), scale = r * Math.Sqrt(dy.Sum(value => (value - common) * (value - common)));
            Math.Sqrt(error).Should().BeLessThanOrEqualTo(3e-7 * scale, "channel {0}", group[0]);
        }
    }

    private static BatchNorm1d<T> Batch<T>() where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        new(Channels, Epsilon) { ChannelAxis = ChannelAxis.Last };

    private static InstanceNorm<T> Instance<T>() where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        new(Channels, Epsilon) { ChannelAxis = ChannelAxis.Last };

    private static GroupNorm<T> Group<T>() where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        new(Channels / 4, Channels, Epsilon) { ChannelAxis = ChannelAxis.Last };

    /// <summary>One pass over [1, rows, channels], of which some channels are hard. Doubles get the same numbers as floats.</summary>
    private sealed class Result<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private readonly NormalizationLayer<T> _layer;

        public Result(NormalizationLayer<T> layer, int[] channels, Hard hard = default)
        {
            _layer = layer;
            Random random = new(1);
            Input = [.. Enumerable.Range(0, Rows * Channels).Select(_ => (double)(float)(1 + (2 * random.NextDouble())))];
            OutputGradient = [.. Enumerable.Range(0, Rows * Channels).Select(_ => (double)(float)(random.NextDouble() - 0.4))];
            for (int i = 0; i < Input.Length; i++)
            {
                if (channels.Contains(i % Channels))
                    Harden(hard, i, ref Input[i], ref OutputGradient[i]);
            }
            Tensor<T> x = Of(Input), dy = Of(OutputGradient);
            Output = Doubles(layer.Forward(x));
            InputGradient = Doubles(layer.Backward(dy));
        }

        public double[] Input { get; }

        public double[] OutputGradient { get; }

        public double[] Output { get; }

        public double[] InputGradient { get; }

        public long[] Bits(int channel) =>
        [
            .. Column(Output, channel).Concat(Column(InputGradient, channel))
                .Append(double.CreateChecked(_layer.Weight?.Gradient.Span[channel] ?? T.Zero)).Select(BitConverter.DoubleToInt64Bits),
        ];

        public static IEnumerable<double> Column(double[] values, int channel) => values.Where((_, i) => i % Channels == channel);

        private static Tensor<T> Of(double[] values) => new(Array.ConvertAll(values, T.CreateChecked), 1, Rows, Channels);

        private static double[] Doubles(Tensor<T> tensor) => [.. tensor.Span.ToArray().Select(double.CreateChecked)];

        private static void Harden(Hard hard, int i, ref double x, ref double dy)
        {
            bool isFirst = i < Channels;
            (x, dy) = hard switch
            {
                Hard.Huge => ((float)(x * 1e32), dy),
                Hard.Outlier => (isFirst ? 1e9 : x, dy),
                Hard.CommonGradient => (x, (float)(dy + 1e4)),
                Hard.TinyGradient => (x, (float)(dy * 1e-32)),
                Hard.ZeroGradient => (x, 0),
                Hard.NotANumber => (isFirst ? double.NaN : x, dy),
                _ => throw new ArgumentOutOfRangeException(nameof(hard)),
            };
        }
    }
}
