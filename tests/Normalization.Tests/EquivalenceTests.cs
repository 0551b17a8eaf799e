using System.Numerics;

namespace Normalization.Tests;

/// <summary>Layers that must agree because they only share out the same elements.</summary>
public sealed class EquivalenceTests
{
    public static TheoryData<int, int, int> Shapes => new() { { 4, 3, 15 }, { 5, 12, 1 }, { 3, 5, 49 }, { 2, 6, 64 }, { 3, 4, 65 }, { 2, 3, 9001 }, { 7, 33, 196 } };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void InstanceNorm_is_GroupNorm_with_a_group_for_each_channel(int n, int c, int s)
    {
        if (s == 1)
            return;
        Sample<float> instance = new Sample<float>(new(Kind.Instance, n, c, s)).Run();
        Sample<float> group = new Sample<float>(new(Kind.Group, n, c, s) { Groups = c }).Run();
        group.Bits().AsSpan().SequenceEqual(instance.Bits()).Should().BeTrue();
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void LayerNorm_is_GroupNorm_with_one_group(int n, int c, int s)
    {
        Sample<float> layer = new Sample<float>(new(Kind.Layer, n, c, s) { NormalizedRank = 2, Affine = false }).Run();
        Sample<float> group = new Sample<float>(new(Kind.Group, n, c, s) { Groups = 1, Affine = false }).Run();
        group.Bits().AsSpan().SequenceEqual(layer.Bits()).Should().BeTrue();
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void LayerNorm_with_repeated_coefficients_is_affine_GroupNorm_with_one_group(int n, int c, int s)
    {
        var group = new Sample<double>(new(Kind.Group, n, c, s) { Groups = 1 });
        var layer = new Sample<double>(new(Kind.Layer, n, c, s) { NormalizedRank = 2 });
        for (int i = 0; i < c * s; i++)
        {
            layer.Layer.Weight!.Value.Span[i] = group.Layer.Weight!.Value.Span[i / s];
            layer.Layer.Bias!.Value.Span[i] = group.Layer.Bias!.Value.Span[i / s];
        }
        AgreeWithin(group.Run(), layer.Run(), 1e-13);
        var folded = new double[c];
        for (int i = 0; i < c * s; i++)
            folded[i / s] += layer.Layer.Weight!.Gradient.Span[i];
        Values.Distance(group.Layer.Weight!.Gradient.Span, folded).Should().BeLessThan(1e-12);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void BatchNorm_of_one_sample_is_InstanceNorm(int n, int c, int s)
    {
        if (s == 1)
            return;
        Sample<double> batch = new Sample<double>(new(Kind.Batch, 1, c * n, s) { Track = true }).Run();
        Sample<double> instance = new Sample<double>(new(Kind.Instance, 1, c * n, s) { Track = true }).Run();
        AgreeWithin(batch, instance, 1e-13);
        Values.Distance(batch.Running!.RunningMean!.Span, instance.Running!.RunningMean!.Span).Should().BeLessThan(1e-14);
        Values.Distance(batch.Running.RunningVariance!.Span, instance.Running.RunningVariance!.Span).Should().BeLessThan(1e-14);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void BatchNorm_of_channels_last_rows_is_BatchNorm_of_their_transpose(int n, int c, int s)
    {
        var first = new Sample<double>(new(Kind.Batch, n, c, s) { Track = true });
        var last = new Sample<double>(new(Kind.Batch, n * s, c) { Track = true });
        Transpose(first.Input, last.Input, c, s);
        Transpose(first.OutputGradient, last.OutputGradient, c, s);
        first.Run();
        last.Run();
        Tensor<double> output = new(n * s, c), gradient = new(n * s, c);
        Transpose(first.Output, output, c, s);
        Transpose(first.InputGradient, gradient, c, s);
        Values.Distance(last.Output.Span, output.Span).Should().BeLessThan(1e-13);
        Values.Distance(last.InputGradient.Span, gradient.Span).Should().BeLessThan(1e-13);
        Values.Distance(last.Layer.Weight!.Gradient.Span, first.Layer.Weight!.Gradient.Span).Should().BeLessThan(1e-12);
        Values.Distance(last.Running!.RunningVariance!.Span, first.Running!.RunningVariance!.Span).Should().BeLessThan(1e-14);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void BatchNorm_of_further_dimensions_is_BatchNorm_of_their_product(int n, int c, int s)
    {
        Sample<float> flat = new Sample<float>(new(Kind.Batch, n, c, s) { Track = true }).Run();
        Sample<float> image = new Sample<float>(new(Kind.Batch, n, c, s, 1) { Track = true }).Run();
        Sample<float> volume = new Sample<float>(new(Kind.Batch, n, c, 1, s, 1) { Track = true }).Run();
        image.Bits().AsSpan().SequenceEqual(flat.Bits()).Should().BeTrue();
        volume.Bits().AsSpan().SequenceEqual(flat.Bits()).Should().BeTrue();
    }

    [Theory]
    [InlineData(3, 15)]
    [InlineData(3, 6, 6)]
    [InlineData(3, 4, 4, 4)]
    public void Unbatched_InstanceNorm_is_InstanceNorm_of_one_sample(params int[] shape)
    {
        Sample<float> unbatched = new Sample<float>(new(Kind.Instance, shape) { Track = true, IsUnbatched = true }).Run();
        Sample<float> batched = new Sample<float>(new(Kind.Instance, [1, .. shape]) { Track = true }).Run();
        unbatched.Bits().Should().Equal(batched.Bits());
    }

    [Fact]
    public void RmsNorm_of_centered_rows_is_LayerNorm()
    {
        var layer = new Sample<double>(new(Kind.Layer, 20, 37) { Bias = false });
        var rms = new Sample<double>(new(Kind.Rms, 20, 37));
        for (int row = 0; row < 20; row++)
        {
            Span<double> values = layer.Input.Span.Slice(row * 37, 37);
            double mean = values.ToArray().Average();
            foreach (ref double value in values)
                value -= mean;
        }
        layer.Input.CopyTo(rms.Input);
        layer.Layer.Forward(layer.Input, layer.Output);
        rms.Layer.Forward(rms.Input, rms.Output);
        Values.Distance(rms.Output.Span, layer.Output.Span).Should().BeLessThan(1e-14);
    }

    private static void Transpose<T>(Tensor<T> from, Tensor<T> to, int c, int s) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < from.Length; i++)
            to.Span[(((i / (c * s) * s) + (i % s)) * c) + (i / s % c)] = from.Span[i];
    }

    private static void AgreeWithin(Sample<double> left, Sample<double> right, double tolerance)
    {
        Values.Distance(left.Output.Span, right.Output.Span).Should().BeLessThan(tolerance);
        Values.Distance(left.InputGradient.Span, right.InputGradient.Span).Should().BeLessThan(tolerance);
    }
}
