using MathNet.Numerics.Statistics;

namespace Normalization.Tests;

public sealed class TensorTests
{
    [Fact]
    public void A_new_tensor_is_zeros_of_its_shape()
    {
        var tensor = new Tensor<float>(2, 3, 4);
        (tensor.Rank, tensor.Length).Should().Be((3, 24));
        tensor.Shape.ToArray().Should().Equal(2, 3, 4);
        tensor.Span.ToArray().Should().OnlyContain(static value => value == 0);
        var scalar = new Tensor<double>();
        (scalar.Rank, scalar.Length).Should().Be((0, 1));
        new Tensor<double>(3, 0, 5).Length.Should().Be(0);
    }

    [Fact]
    public void A_wrapped_array_is_shared()
    {
        float[] data = [1, 2, 3, 4, 5, 6];
        var tensor = new Tensor<float>(data, 2, 3);
        tensor[1, 2] = 60;
        data[5].Should().Be(60);
        data[0] = 10;
        tensor[0, 0].Should().Be(10);
        var slice = new Tensor<float>(data.AsMemory(2, 2), 2);
        slice[1] = -4;
        data[3].Should().Be(-4);
    }

    [Fact]
    public void Data_without_a_shape_have_one_dimension()
    {
        float[] data = [1, 2, 3];
        var tensor = new Tensor<float>(data);
        tensor.Shape.ToArray().Should().Equal(3);
        tensor[1] = 7;
        data[1].Should().Be(7);
        new Tensor<float>(data.AsMemory(1)).Shape.ToArray().Should().Equal(2);
        new Tensor<double>(Array.Empty<double>()).Shape.ToArray().Should().Equal(0);
        new Tensor<float>([5f], []).Rank.Should().Be(0, "a shape of no dimensions is that of a single element");
        Throws<ArgumentNullException>(static () => new Tensor<float>((float[])null!), "*data*");
    }

    [Fact]
    public void A_shape_is_not_changed_through_the_array_it_came_from()
    {
        int[] shape = [2, 3];
        var tensor = new Tensor<float>(shape);
        shape[0] = 100;
        tensor.Shape.ToArray().Should().Equal(2, 3);
        Tensor<float> wrapped = new(new float[6], [3, 2]);
        wrapped.Reshape(6).Shape.ToArray().Should().Equal(6);
        wrapped.Shape.ToArray().Should().Equal(3, 2);
    }

    [Fact]
    public void Shapes_that_cannot_be_are_refused()
    {
        Throws<ArgumentOutOfRangeException>(static () => new Tensor<float>(2, -1), "*negative*[2, -1]*");
        Throws<ArgumentOutOfRangeException>(static () => new Tensor<float>(0, -1), "*negative*[0, -1]*");
        Throws<ArgumentException>(static () => new Tensor<float>(65536, 65536), "*at most*[65536, 65536]*");
        Throws<ArgumentException>(static () => new Tensor<float>(int.MaxValue, int.MaxValue, int.MaxValue, 4), "*at most*");
        Throws<ArgumentException>(static () => Tensor<float>.Uninitialized(1 << 16, 1 << 16), "*at most*");
        Throws<ArgumentException>(static () => Tensor<float>.Full([1 << 16, 1 << 16], 1), "*at most*");
        Throws<ArgumentException>(static () => new Tensor<float>(new float[5], 2, 3), "*[2, 3] has 6 elements*data has 5*");
        Throws<ArgumentException>(static () => new Tensor<float>(new float[5].AsMemory(), 6), "*6 elements*5*");
        Throws<ArgumentNullException>(static () => new Tensor<float>((float[])null!, 0), "*data*");
        new Tensor<float>(0, 65536, 65536).Length.Should().Be(0, "an empty tensor has no size to overflow");
    }

    [Fact]
    public void The_indexer_is_row_major_and_checked()
    {
        var tensor = new Tensor<double>([.. Enumerable.Range(0, 24).Select(static i => (double)i)], 2, 3, 4);
        tensor[1, 2, 3].Should().Be(23);
        tensor[1, 0, 2].Should().Be(14);
        Tensor<double>.Full([], 7)[[]].Should().Be(7);
        Throws<ArgumentOutOfRangeException>(() => tensor[2, 0, 0], "*Index 2 of dimension 0*[2, 3, 4]*");
        Throws<ArgumentOutOfRangeException>(() => tensor[0, -1, 0], "*Index -1 of dimension 1*");
        Throws<ArgumentOutOfRangeException>(() => tensor[0, 0, 4], "*Index 4 of dimension 2*");
        Throws<ArgumentException>(() => tensor[0, 0], "*Expected 3 indices*got 2*");
        Throws<ArgumentException>(() => tensor[0, 0, 0, 0], "*Expected 3 indices*got 4*");
    }

    [Fact]
    public void Reshape_shares_the_memory_and_infers_one_size()
    {
        var tensor = new Tensor<float>([1, 2, 3, 4, 5, 6], 2, 3);
        Tensor<float> reshaped = tensor.Reshape(3, -1);
        reshaped.Shape.ToArray().Should().Equal(3, 2);
        reshaped[2, 1] = 60;
        tensor[1, 2].Should().Be(60);
        tensor.Reshape(-1).Shape.ToArray().Should().Equal(6);
        tensor.Reshape(1, 6, 1).Shape.ToArray().Should().Equal(1, 6, 1);
        new Tensor<float>(0, 3).Reshape(-1, 3).Shape.ToArray().Should().Equal(0, 3);
        new Tensor<float>(1).Reshape().Rank.Should().Be(0);
        Throws<ArgumentException>(() => tensor.Reshape(4, 2), "*6 elements to [4, 2]*");
        Throws<ArgumentException>(() => tensor.Reshape(4, -1), "*6 elements to [4, -1]*");
        Throws<ArgumentException>(() => tensor.Reshape(0, -1), "*6 elements to [0, -1]*");
        Throws<ArgumentException>(() => tensor.Reshape(-1, -1), "*");
        Throws<ArgumentException>(() => tensor.Reshape(-2, -3), "*negative*");
        Throws<ArgumentException>(() => tensor.Reshape(65536, 65536, -1), "*");
    }

    [Fact]
    public void A_clone_and_a_copy_have_memory_of_their_own()
    {
        var tensor = new Tensor<float>([1, 2, 3, 4], 2, 2);
        Tensor<float> clone = tensor.Clone(), copy = new(2, 2);
        tensor.CopyTo(copy);
        tensor.Fill(9);
        clone.Span.ToArray().Should().Equal(1, 2, 3, 4);
        clone.Shape.ToArray().Should().Equal(2, 2);
        copy.Span.ToArray().Should().Equal(1, 2, 3, 4);
        tensor.Span.ToArray().Should().Equal(9, 9, 9, 9);
        Throws<ArgumentException>(() => Copied(tensor, new(4)), "*[2, 2]*[4]*");
        Throws<ArgumentNullException>(() => Copied(tensor, null!), "*destination*");
    }

    [Fact]
    public void Full_and_Uninitialized_have_the_shape_asked_for()
    {
        Tensor<double> full = Tensor<double>.Full([2, 3], 1.5);
        full.Shape.ToArray().Should().Equal(2, 3);
        full.Span.ToArray().Should().OnlyContain(static value => value == 1.5);
        Tensor<double>.Uninitialized(4, 5).Length.Should().Be(20);
    }

    [Fact]
    public void Random_values_are_normal_and_repeat_with_the_seed()
    {
        Tensor<double> first = Tensor<double>.RandomNormal([100, 100], seed: 7, mean: 3, standardDeviation: 0.5);
        first.Span.SequenceEqual(Tensor<double>.RandomNormal([10_000], 7, 3, 0.5).Span).Should().BeTrue();
        first.Span.SequenceEqual(Tensor<double>.RandomNormal([10_000], 8, 3, 0.5).Span).Should().BeFalse();
        double[] values = first.Span.ToArray();
        values.Mean().Should().BeApproximately(3, 0.02);
        values.StandardDeviation().Should().BeApproximately(0.5, 0.02);
        values.Skewness().Should().BeApproximately(0, 0.1);
        values.Kurtosis().Should().BeApproximately(0, 0.2);
        Tensor<float> floats = Tensor<float>.RandomNormal([100], 7, 3, 0.5);
        for (int i = 0; i < 100; i++)
            floats.Span[i].Should().Be((float)values[i]);
        Tensor<float>.RandomNormal([3], 1, 2, 0).Span.ToArray().Should().Equal(2, 2, 2);
        Throws<ArgumentOutOfRangeException>(static () => Tensor<float>.RandomNormal([3], 1, 0, -1), "standardDeviation must not be negative, got -1*");
        Throws<ArgumentOutOfRangeException>(static () => Tensor<float>.RandomNormal([3], 1, 0, double.NaN), "*standardDeviation*");
    }

    [Fact]
    public void Text_shows_the_shape_the_type_and_the_first_values()
    {
        new Tensor<float>([1, 2.5f, -3, 4], 2, 2).ToString().Should().Be("Tensor<Single>[2, 2] [[1, 2.5], [-3, 4]]");
        new Tensor<double>(6).ToString().Should().Be("Tensor<Double>[6] [0, 0, 0, 0, 0, 0]");
        new Tensor<double>(20).ToString().Should().Be("Tensor<Double>[20] [0, 0, 0, 0, 0, 0, ...]");
        new Tensor<double>([double.NaN, 1.0 / 3], 2).ToString().Should().Be("Tensor<Double>[2] [NaN, 0.333333]");
        new Tensor<float>(0).ToString().Should().Be("Tensor<Single>[0] []");
        new Tensor<float>(2, 0).ToString().Should().Be("Tensor<Single>[2, 0] [[], []]");
        Tensor<float>.Full([], 5).ToString().Should().Be("Tensor<Single>[] 5");
        new Tensor<float>(1000, 1000).ToString().Length.Should().BeLessThan(400);
        new Tensor<float>(2, 2, 2).ToString().Should().Be("Tensor<Single>[2, 2, 2] [[[0, 0], [0, 0]], [[0, 0], [0, 0]]]");
        new Tensor<float>(8, 3, 32, 32).ToString().Length.Should().BeLessThan(400);
        new Tensor<float>(8, 3, 32, 32).ToString().Should().EndWith(", ...], ...], ...]");
    }

    private static object Copied(Tensor<float> from, Tensor<float> to)
    {
        from.CopyTo(to);
        return to;
    }

    private static void Throws<TException>(Func<object> call, string message) where TException : Exception =>
        call.Should().Throw<TException>().WithMessage(message);
}
