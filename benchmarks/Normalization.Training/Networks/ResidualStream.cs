using System.Numerics.Tensors;

namespace Normalization.Training.Networks;

/// <summary>
/// The parts of a transformer with pre-norm: each part reads the norm of a stream and adds its result to the stream; a last norm reads the
/// end of the stream. Each add is done in the pass of the norm that reads the sum.
/// </summary>
internal sealed class PreNorm(IReadOnlyList<ILayer> parts, int width) : ResidualStream(parts, width, normCount: parts.Count + 1)
{
    public override Tensor<float> Forward(Tensor<float> input)
    {
        Tensor<float> stream = input, output = Results[0].Get(input.Shape);
        Norms[0].Forward(input, output);
        for (int i = 0; i < Layers.Count; i++)
        {
            Tensor<float> branch = Layers[i].Forward(output), sum = Sums[i].Get(input.Shape);
            output = Results[i + 1].Get(input.Shape);
            Norms[i + 1].Forward(branch, output, new ForwardOptions<float> { Residual = stream, Sum = sum });
            stream = sum;
        }

        return output;
    }

    public override Tensor<float> Backward(Tensor<float> outputGradient)
    {
        Tensor<float> stream = Gradients.Get(outputGradient.Shape);
        Norms[^1].Backward(outputGradient, stream);
        for (int i = Layers.Count - 1; i >= 0; i--)
            Norms[i].Backward(Layers[i].Backward(stream), stream, new BackwardOptions<float> { SumGradient = stream });

        return stream;
    }
}

/// <summary>Parts with post-norm: x becomes norm(x + f(x)) again and again. The add is done in the pass of the norm.</summary>
internal sealed class PostNorm(IReadOnlyList<ILayer> parts, int width) : ResidualStream(parts, width, normCount: parts.Count)
{
    public override Tensor<float> Forward(Tensor<float> input)
    {
        for (int i = 0; i < Layers.Count; i++)
        {
            Tensor<float> branch = Layers[i].Forward(input), output = Results[i].Get(input.Shape);
            Norms[i].Forward(branch, output, new ForwardOptions<float> { Residual = input, Sum = Sums[i].Get(input.Shape) });
            input = output;
        }

        return input;
    }

    public override Tensor<float> Backward(Tensor<float> outputGradient)
    {
        for (int i = Layers.Count - 1; i >= 0; i--)
        {
            Tensor<float> stream = Gradients.Get(outputGradient.Shape);
            Norms[i].Backward(outputGradient, stream);
            TensorPrimitives.Add(stream.Span, Layers[i].Backward(stream).Span, stream.Span);
            outputGradient = stream;
        }

        return outputGradient;
    }
}

/// <summary>Parts around a stream, LayerNorms, and the tensors that both forms need.</summary>
internal abstract class ResidualStream : Composite
{
    protected ResidualStream(IReadOnlyList<ILayer> parts, int width, int normCount)
        : base(parts)
    {
        Norms = [.. Enumerable.Range(0, normCount).Select(_ => new LayerNorm<float>(width))];
        Results = [.. Norms.Select(static _ => new Scratch())];
        Sums = [.. Norms.Select(static _ => new Scratch())];
    }

    public override IReadOnlyList<Parameter<float>> Parameters => [.. base.Parameters, .. Norms.SelectMany(static norm => norm.Parameters)];

    protected LayerNorm<float>[] Norms { get; }

    protected Scratch[] Results { get; }

    protected Scratch[] Sums { get; }

    protected Scratch Gradients { get; } = new();
}
