using Normalization;

namespace Samples;

internal static class Conditional
{
    public static void Run()
    {
        Tensor<float> images = Tensor<float>.RandomNormal([4, 8, 5, 5], seed: 1), output = new(images.Shape);
        Tensor<float> tokens = Tensor<float>.RandomNormal([4, 10, 16], seed: 2), modulated = new(tokens.Shape);
        Tensor<float> style = Tensor<float>.RandomNormal([4, 8], seed: 3), offset = Tensor<float>.RandomNormal([4, 8], seed: 4);
        Tensor<float> scale = Tensor<float>.RandomNormal([4, 16], seed: 5), shift = Tensor<float>.RandomNormal([4, 16], seed: 6);

        // begin-sample conditional
        // AdaIN: a scale and a shift of each image and channel.
        var instance = new InstanceNorm2d<float>(8);
        instance.Forward(images, output, new ForwardOptions<float> { Scale = style, Shift = offset, ScaleIncludesOne = true });

        // AdaLN: of each sample and element, the same for all of its tokens. The factor is 1 + scale.
        var layer = new LayerNorm<float>(16, elementwiseAffine: false);
        layer.Forward(tokens, modulated, new ForwardOptions<float> { Scale = scale, Shift = shift });

        var gradients = new BackwardOptions<float> { ScaleGradient = new(4, 16), ShiftGradient = new(4, 16) };
        layer.Backward(modulated, new(tokens.Shape), gradients);
        // end-sample
        gradients.ScaleGradient!.Span.ToArray().Should().OnlyContain(static value => float.IsFinite(value) && value != 0);
        output.Span.ToArray().Should().OnlyContain(static value => float.IsFinite(value));
    }
}
