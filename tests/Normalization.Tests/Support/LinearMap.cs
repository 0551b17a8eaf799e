using System.Numerics;

namespace Normalization.Tests;

internal enum LinearKind
{
    Linear,
    Convolution,
    TransposedConvolution,
}

/// <summary>A linear layer or a convolution as the list of its products: output[Out] += weight[Weight] · input[In], in PyTorch's layouts.</summary>
internal sealed record LinearMap(LinearKind Kind, int Groups, int[] WeightShape, int[] OutputShape, (int Out, int In, int Weight)[] Products)
{
    public int InputLength { get; } = Products.Max(static product => product.In) + 1;

    public int OutputLength => OutputShape.Aggregate(static (product, size) => product * size);

    public static LinearMap Linear(int n, int inputs, int outputs) => new(
        LinearKind.Linear,
        1,
        [outputs, inputs],
        [n, outputs],
        [.. from b in Enumerable.Range(0, n)
            from o in Enumerable.Range(0, outputs)
            from i in Enumerable.Range(0, inputs)
            select ((b * outputs) + o, (b * inputs) + i, (o * inputs) + i)]);

    /// <summary>No padding, stride 1.</summary>
    public static LinearMap Convolution(int n, int inputs, int outputs, int size, int kernel, int groups)
    {
        int outputSize = size - kernel + 1, inputsPerGroup = inputs / groups, outputsPerGroup = outputs / groups;
        return new(
            LinearKind.Convolution,
            groups,
            [outputs, inputsPerGroup, kernel, kernel],
            [n, outputs, outputSize, outputSize],
            [.. from b in Enumerable.Range(0, n)
                from o in Enumerable.Range(0, outputs)
                from i in Enumerable.Range(0, inputsPerGroup)
                let input = (o / outputsPerGroup * inputsPerGroup) + i
                from y in Enumerable.Range(0, outputSize)
                from x in Enumerable.Range(0, outputSize)
                from ky in Enumerable.Range(0, kernel)
                from kx in Enumerable.Range(0, kernel)
                select (
                    Index(outputSize, (b * outputs) + o, y, x),
                    Index(size, (b * inputs) + input, y + ky, x + kx),
                    Index(kernel, (o * inputsPerGroup) + i, ky, kx))]);
    }

    /// <summary>No padding, stride 2: every input element is spread over a kernel of outputs.</summary>
    public static LinearMap TransposedConvolution(int n, int inputs, int outputs, int size, int kernel, int groups)
    {
        int outputSize = (2 * (size - 1)) + kernel, inputsPerGroup = inputs / groups, outputsPerGroup = outputs / groups;
        return new(
            LinearKind.TransposedConvolution,
            groups,
            [inputs, outputsPerGroup, kernel, kernel],
            [n, outputs, outputSize, outputSize],
            [.. from b in Enumerable.Range(0, n)
                from i in Enumerable.Range(0, inputs)
                from o in Enumerable.Range(0, outputsPerGroup)
                let output = (i / inputsPerGroup * outputsPerGroup) + o
                from y in Enumerable.Range(0, size)
                from x in Enumerable.Range(0, size)
                from ky in Enumerable.Range(0, kernel)
                from kx in Enumerable.Range(0, kernel)
                select (
                    Index(outputSize, (b * outputs) + output, (2 * y) + ky, (2 * x) + kx),
                    Index(size, (b * inputs) + i, y, x),
                    Index(kernel, (i * outputsPerGroup) + o, ky, kx))]);
    }

    /// <summary>The channel of an output element.</summary>
    public int ChannelOf(int output) => output / (OutputLength / OutputShape[0] / OutputShape[1]) % OutputShape[1];

    public (Tensor<T> Weight, Tensor<T> Bias) Fold<T>(Tensor<T> weight, Tensor<T>? bias, BatchNorm<T> layer)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Kind switch
        {
            LinearKind.Linear => BatchNormFolding.IntoLinear(weight, bias, layer),
            LinearKind.Convolution => BatchNormFolding.IntoConvolution(weight, bias, layer),
            _ => BatchNormFolding.IntoTransposedConvolution(weight, bias, layer, Groups),
        };

    public Tensor<T> Apply<T>(ReadOnlySpan<T> input, Tensor<T> weight, Tensor<T>? bias) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var output = new Tensor<T>(OutputShape);
        foreach ((int o, int i, int w) in Products)
            output.Span[o] += weight.Span[w] * input[i];
        for (int o = 0; bias is not null && o < output.Length; o++)
            output.Span[o] += bias.Span[ChannelOf(o)];
        return output;
    }

    private static int Index(int size, int plane, int y, int x) => (((plane * size) + y) * size) + x;
}
