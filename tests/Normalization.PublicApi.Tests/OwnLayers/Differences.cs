using Normalization;

namespace OwnLayers;

/// <summary>The gradients of Σ w · y by central differences.</summary>
internal static class Differences
{
    private const double Step = 1e-5;

    /// <summary>Requires that a layer's gradients of its input and of all parameters are those of its output.</summary>
    public static void Require(NormalizationLayer<double> layer, Tensor<double> input)
    {
        Tensor<double> weights = Tensor<double>.RandomNormal(input.Shape, seed: 99);
        layer.ZeroGradients();
        layer.Forward(input);
        Tensor<double> inputGradient = layer.Backward(weights);
        RequireOne(layer, input, weights, input, inputGradient, "the input");
        foreach (Parameter<double> parameter in layer.Parameters)
            RequireOne(layer, input, weights, parameter.Value, parameter.Gradient, parameter.Name);
    }

    private static void RequireOne(
        NormalizationLayer<double> layer, Tensor<double> input, Tensor<double> weights, Tensor<double> value, Tensor<double> gradient, string name)
    {
        gradient.Span.ToArray().Should().Contain(static element => Math.Abs(element) > 1e-3, "{0} has an effect", name);
        for (int i = 0; i < value.Length; i++)
        {
            double before = value.Span[i];
            value.Span[i] = before + Step;
            double above = Loss(layer, input, weights);
            value.Span[i] = before - Step;
            double below = Loss(layer, input, weights);
            value.Span[i] = before;
            gradient.Span[i].Should().BeApproximately((above - below) / (2 * Step), 1e-6, "of element {0} of {1}", i, name);
        }
    }

    private static double Loss(NormalizationLayer<double> layer, Tensor<double> input, Tensor<double> weights)
    {
        Tensor<double> output = layer.Forward(input);
        double sum = 0;
        for (int i = 0; i < output.Length; i++)
            sum += output.Span[i] * weights.Span[i];
        return sum;
    }
}
