using System.Numerics.Tensors;

namespace Normalization.Training.Networks;

/// <summary>A 3x3 convolution that keeps the size of its images (zeros around them), as one matrix product over the whole batch.</summary>
internal sealed class Convolution(int inputs, int outputs, Random random) : ILayer
{
    private const int Kernel = 3;

    // He's deviation: what ReLU halves, the weights give back.
    private readonly Parameter<float> _weight = new("weight", Tensor<float>.RandomNormal(
        [outputs, inputs * Kernel * Kernel], random.Next(), 0, Math.Sqrt(2.0 / (inputs * Kernel * Kernel))));
    private readonly Parameter<float> _bias = new("bias", outputs);
    private readonly Scratch _patches = new();
    private readonly Scratch _patchGradients = new();
    private readonly Scratch _products = new();
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();
    private Tensor<float>? _input;

    public IReadOnlyList<Parameter<float>> Parameters => [_weight, _bias];

    public Tensor<float> Forward(Tensor<float> input)
    {
        _input = input;
        (int batch, int height, int width) = (input.Shape[0], input.Shape[2], input.Shape[3]);
        int area = height * width;
        Tensor<float> patches = _patches.Get(_weight.Value.Shape[1], batch * area);
        Unfold(input, patches);

        Tensor<float> product = _products.Get(outputs, batch * area);
        MatrixProduct.Multiply(_weight.Value, patches, product, outputs, patches.Shape[0], batch * area);

        // The product is [channel, image, pixel]; networks pass on [image, channel, pixel].
        Tensor<float> output = _outputs.Get(batch, outputs, height, width);
        for (int n = 0; n < batch; n++)
        {
            for (int k = 0; k < outputs; k++)
            {
                ReadOnlySpan<float> source = product.Span.Slice((k * batch + n) * area, area);
                TensorPrimitives.Add(source, _bias.Value.Span[k], output.Span.Slice((n * outputs + k) * area, area));
            }
        }

        return output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        (int batch, int height, int width) = (outputGradient.Shape[0], outputGradient.Shape[2], outputGradient.Shape[3]);
        int area = height * width;
        Tensor<float> gradient = _products.Get(outputs, batch * area);
        for (int n = 0; n < batch; n++)
        {
            for (int k = 0; k < outputs; k++)
            {
                ReadOnlySpan<float> source = outputGradient.Span.Slice((n * outputs + k) * area, area);
                source.CopyTo(gradient.Span[((k * batch + n) * area)..]);
                _bias.Gradient.Span[k] += Elementary.Sum(source);
            }
        }

        Tensor<float> patches = _patches.Get(_weight.Value.Shape[1], batch * area);
        MatrixProduct.MultiplyByTransposed(gradient, patches, _weight.Gradient, outputs, batch * area, patches.Shape[0], add: true);

        Tensor<float> patchGradient = _patchGradients.Get(patches.Shape);
        MatrixProduct.Multiply(_weight.Value, gradient, patchGradient, patches.Shape[0], outputs, batch * area, transposeA: true);
        Tensor<float> inputGradient = _inputGradients.Get(_input!.Shape);
        Fold(patchGradient, inputGradient);
        return inputGradient;
    }

    /// <summary>"im2col": row (c, ky, kx) of the patches is what weight (c, ky, kx) sees at every pixel of every image,
    /// 0 beyond the edge.</summary>
    private static void Unfold(Tensor<float> images, Tensor<float> patches)
    {
        patches.Span.Clear();
        ForEachOverlap<Copy>(images, patches);
    }

    /// <summary>The way back: every pixel gathers the gradients of all the places that saw it.</summary>
    private static void Fold(Tensor<float> patches, Tensor<float> images)
    {
        images.Span.Clear();
        ForEachOverlap<Gather>(images, patches);
    }

    /// <summary>Works on every stretch of an image row that a weight sees, and its place in the patches.</summary>
    private static void ForEachOverlap<TWork>(Tensor<float> images, Tensor<float> patches)
        where TWork : IOverlapWork
    {
        (int batch, int channels, int height, int width) = (images.Shape[0], images.Shape[1], images.Shape[2], images.Shape[3]);
        Span<float> x = images.Span;
        Span<float> seen = patches.Span;
        for (int row = 0; row < channels * Kernel * Kernel; row++)
        {
            (int c, int dy, int dx) = (row / (Kernel * Kernel), row / Kernel % Kernel - Kernel / 2, row % Kernel - Kernel / 2);
            int length = width - Math.Abs(dx);
            for (int n = 0; n < batch; n++)
            {
                for (int y = Math.Max(0, -dy); y < Math.Min(height, height - dy); y++)
                {
                    int image = ((n * channels + c) * height + y + dy) * width + Math.Max(0, dx);
                    int patch = ((row * batch + n) * height + y) * width + Math.Max(0, -dx);
                    TWork.Apply(x.Slice(image, length), seen.Slice(patch, length));
                }
            }
        }
    }

    private interface IOverlapWork
    {
        static abstract void Apply(Span<float> image, Span<float> patch);
    }

    private readonly struct Copy : IOverlapWork
    {
        public static void Apply(Span<float> image, Span<float> patch) => image.CopyTo(patch);
    }

    private readonly struct Gather : IOverlapWork
    {
        public static void Apply(Span<float> image, Span<float> patch) => TensorPrimitives.Add(image, patch, image);
    }
}
