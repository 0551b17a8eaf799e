namespace Normalization.Tests;

/// <summary>Local response normalization at every vector width, with several numbers of threads, past the cache and in steady state.</summary>
[Collection(nameof(ProcessWide))]
public sealed class LocalResponseBitsTests
{
    public static TheoryData<int, int, int, int, double> Shapes => LocalResponseNormTests.Shapes;

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_vector_width_gives_the_same_bits(int n, int c, int s, int size, double beta)
    {
        Compare<float>(n, c, s, size, beta, Setting.Width, 128, 256, 512);
        Compare<double>(n, c, s, size, beta, Setting.Width, 128, 256, 512);
    }

    [Theory]
    [InlineData(33, 19, 700, 5, 0.75)]
    [InlineData(2001, 67, 1, 5, 0.75)]
    [InlineData(33, 19, 70, 5, 0.6)]
    public void Every_number_of_threads_gives_the_same_bits(int n, int c, int s, int size, double beta)
    {
        Compare<float>(n, c, s, size, beta, Setting.Degree, 1, 2, 3, 7);
        Compare<double>(n, c, s, size, beta, Setting.Degree, 1, 2, 3, 7);
    }

    [Fact]
    public void Streaming_past_the_cache_changes_no_bits()
    {
        const int Samples = 41, Channels = 33, Positions = 5003;
        var layer = new LocalResponseNorm<float>(5, 0.3);
        var x = Tensor<float>.RandomNormal([Samples, Channels, Positions], seed: 1);
        var dy = Tensor<float>.RandomNormal([Samples, Channels, Positions], seed: 2);
        Tensor<float> y = layer.Forward(x), dx = layer.Backward(dy);
        foreach (int sample in (int[])[0, 17, Samples - 1])
        {
            Values.Bits(layer.Forward(Sample(x, sample))).Should().Equal(Values.Bits(Sample(y, sample)));
            Values.Bits(layer.Backward(Sample(dy, sample))).Should().Equal(Values.Bits(Sample(dx, sample)));
        }
    }

    [Theory]
    [InlineData(2, 7, 15, 0.75)]
    [InlineData(9, 31, 1, 0.75)]
    [InlineData(8, 40, 900, 0.75)]
    [InlineData(2, 7, 15, 0.6)]
    public void Nothing_is_allocated(int n, int c, int s, double beta)
    {
        var layer = new LocalResponseNorm<float>(5, 0.3, beta);
        Tensor<float> x = Tensor<float>.RandomNormal([n, c, s], seed: 1), y = new(x.Shape), dx = new(x.Shape);
        Allocations.Least(Train).Should().Be(0);
        layer.Eval();
        Allocations.Least(() => layer.Forward(y, y)).Should().Be(0);

        void Train()
        {
            layer.Forward(x, y);
            layer.Backward(y, dx);
        }
    }

    private static Tensor<float> Sample(Tensor<float> tensor, int sample)
    {
        int length = tensor.Length / tensor.Shape[0];
        return new(tensor.Memory.Slice(sample * length, length), 1, tensor.Shape[1], tensor.Shape[2]);
    }

    private static void Compare<T>(int n, int c, int s, int size, double beta, Func<int, Setting> set, params int[] values)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        long[][] results = [.. values.Select(Run)];
        foreach (long[] result in results)
            result.Should().Equal(results[0]);

        long[] Run(int value)
        {
            using Setting setting = set(value);
            var layer = new LocalResponseNorm<T>(size, 0.3, beta);
            Tensor<T> x = Tensor<T>.RandomNormal([n, c, s], seed: 1), dy = Tensor<T>.RandomNormal([n, c, s], seed: 2);
            // Hard positions are computed in another way than their neighbors.
            for (int i = 3; i < x.Length; i += 211)
                x.Span[i] *= T.CreateChecked(1e15);
            return [.. Values.Bits(layer.Forward(x)), .. Values.Bits(layer.Backward(dy))];
        }
    }
}
