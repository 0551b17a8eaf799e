using System.Numerics.Tensors;

namespace Normalization.Tests;

/// <summary>Rows that lie apart, as the heads of queries and keys in one buffer of queries, keys and values.</summary>
public sealed class StridedRowTests
{
    private const int Tokens = 5, Heads = 3, Size = 4, Parts = 3;

    private readonly Tensor<float> _buffer = Tensor<float>.RandomNormal([Tokens, Parts, Heads, Size], seed: 1);
    private readonly RmsNorm<float> _norm = new(Size);

    public StridedRowTests() => Tensor<float>.RandomNormal([Size], seed: 2).Span.CopyTo(_norm.Weight!.Value.Span);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_slice_of_queries_or_keys_is_normalized_in_place(int part)
    {
        float[] before = _buffer.Span.ToArray();
        _norm.Eval();
        float[] expected = _norm.Forward(Dense(_buffer, part)).Span.ToArray();
        _norm.Forward(Slice(_buffer, part), Slice(_buffer, part));
        Dense(_buffer, part).Span.ToArray().Should().Equal(expected);
        for (int other = 0; other < Parts; other++)
        {
            if (other != part)
                Dense(_buffer, other).Span.ToArray().Should().Equal(Dense(new(before, Tokens, Parts, Heads, Size), other).Span.ToArray());
        }
    }

    [Fact]
    public void Training_has_the_bits_of_dense_rows_forward_and_backward()
    {
        ForwardContext<float> context = new(), dense = new();
        Tensor<float> gradients = Tensor<float>.RandomNormal(_buffer.Shape, seed: 3), outputs = new(_buffer.Shape), results = new(_buffer.Shape);
        _norm.Forward(Slice(_buffer, 1), Slice(outputs, 1), context);
        _norm.Backward(Slice(_buffer, 1), Slice(gradients, 1), Slice(results, 1), context);
        float[] weightGradient = _norm.Weight!.Gradient.Span.ToArray();
        _norm.ZeroGradients();
        Tensor<float> y = new(Tokens, 1, Heads, Size), dx = new(Tokens, 1, Heads, Size);
        _norm.Forward(Dense(_buffer, 1), y, dense);
        _norm.Backward(Dense(gradients, 1), dx, dense);
        Dense(outputs, 1).Span.ToArray().Should().Equal(y.Span.ToArray());
        Dense(results, 1).Span.ToArray().Should().Equal(dx.Span.ToArray());
        weightGradient.Should().Equal(_norm.Weight.Gradient.Span.ToArray());
        Dense(outputs, 0).Span.ToArray().Should().OnlyContain(static value => value == 0);
    }

    [Fact]
    public void Rows_that_lie_apart_allocate_nothing()
    {
        _norm.Eval();
        long before = 0, least = long.MaxValue;
        for (int round = 0; round < 20 && least > 0; round++)
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            _norm.Forward(Slice(_buffer, 0), Slice(_buffer, 0));
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before - SliceBytes());
        }
        least.Should().BeLessThanOrEqualTo(0);

        // What the slicing itself takes.
        long SliceBytes()
        {
            long start = GC.GetAllocatedBytesForCurrentThread();
            _ = Slice(_buffer, 0);
            _ = Slice(_buffer, 0);
            return GC.GetAllocatedBytesForCurrentThread() - start;
        }
    }

    [Fact]
    public void What_does_not_work_on_rows_that_lie_apart_is_refused()
    {
        FluentActions.Invoking(() => _norm.Forward(Slice(_buffer, 0), Slice(_buffer, 0), new())).Should().Throw<ArgumentException>()
            .WithMessage("output overlaps input, which the backward pass needs*");
        var wide = new RmsNorm<float>((ReadOnlySpan<int>)[Parts, Heads, Size]);
        wide.Eval();
        FluentActions.Invoking(() =>
        {
            TensorSpan<float> holes = _buffer.AsTensorSpan().Slice([0..Tokens, 0..Parts, 0..2, 0..Size]);
            new LayerNorm<float>((ReadOnlySpan<int>)[2, Size]).Forward(holes, holes, new());
        }).Should().Throw<ArgumentException>("the rows are dense, and the output is the input");
        FluentActions.Invoking(() =>
        {
            TensorSpan<float> holes = _buffer.AsTensorSpan().Slice([0..Tokens, 0..Parts, 0..Heads, 0..2]);
            var layer = new LayerNorm<float>((ReadOnlySpan<int>)[Heads, 2]);
            layer.Eval();
            layer.Forward(holes, holes);
        }).Should().Throw<ArgumentException>().WithMessage("input is strided*");
    }

    [Fact]
    public void The_primitives_take_rows_with_a_stride()
    {
        const int Rows = 6, Width = 3, XStride = 7, YStride = 4;
        float[] x = [.. Enumerable.Range(0, (Rows * XStride) + 2).Select(static i => MathF.Sin(i * i))], dense = new float[Rows * Width];
        for (int row = 0; row < Rows; row++)
            x.AsSpan(row * XStride, Width).CopyTo(dense.AsSpan(row * Width));
        float[] weight = [1, 2, 3], bias = [4, 5, 6], y = new float[Rows * YStride], expected = new float[Rows * Width];
        double[] mean = new double[Rows], r = new double[Rows];
        NormalizationPrimitives.LayerNormForward(dense, Rows, Width, weight, bias, 1e-5, expected, mean, r);
        NormalizationPrimitives.StridedRowsForward<float>(x, XStride, Rows, Width, true, weight, bias, 1e-5, y, YStride, mean, r);
        float[] dy = new float[Rows * YStride], dx = new float[Rows * Width], dw = new float[Width], db = new float[Width], dw2 = new float[Width], db2 = new float[Width];
        y.CopyTo(dy, 0);
        NormalizationPrimitives.LayerNormGradient<float>(dense, expected, Rows, Width, weight, dx, dw, db, mean, r);
        NormalizationPrimitives.StridedRowsGradient<float>(x, XStride, dy, YStride, Rows, Width, true, weight, dy, YStride, dw2, db2, mean, r);
        for (int row = 0; row < Rows; row++)
        {
            y.AsSpan(row * YStride, Width).SequenceEqual(expected.AsSpan(row * Width, Width)).Should().BeTrue();
            dy.AsSpan(row * YStride, Width).SequenceEqual(dx.AsSpan(row * Width, Width)).Should().BeTrue();
            y[(row * YStride) + Width].Should().Be(0);
        }
        dw2.Should().Equal(dw);
        db2.Should().Equal(db);
        NormalizationPrimitives.StridedRowsForward<float>(x, XStride, Rows, Width, true, weight, bias, 1e-5, x, XStride, [], []);
        x.AsSpan(XStride, Width).SequenceEqual(expected.AsSpan(Width, Width)).Should().BeTrue("in place");
        FluentActions.Invoking(() => NormalizationPrimitives.StridedRowsForward<float>(x, 2, Rows, Width, true, [], [], 0, y, YStride, [], [])).Should()
            .Throw<ArgumentOutOfRangeException>().WithMessage("xStride must be at least the width 3, got 2*");
        FluentActions.Invoking(() => NormalizationPrimitives.StridedRowsForward<float>(x, XStride, 9, Width, true, [], [], 0, y, YStride, [], [])).Should()
            .Throw<ArgumentException>().WithMessage("x must have at least (rows - 1) · stride + width = 59 elements*");
    }

    private static TensorSpan<float> Slice(Tensor<float> buffer, int part) =>
        buffer.AsTensorSpan().Slice([0..Tokens, part..(part + 1), 0..Heads, 0..Size]);

    /// <summary>One part as a tensor of its own, [tokens, 1, heads, size].</summary>
    private static Tensor<float> Dense(Tensor<float> buffer, int part)
    {
        var dense = new Tensor<float>(Tokens, 1, Heads, Size);
        for (int token = 0; token < Tokens; token++)
            buffer.Span.Slice(((token * Parts) + part) * Heads * Size, Heads * Size).CopyTo(dense.Span[(token * Heads * Size)..]);
        return dense;
    }
}
