using System.Numerics.Tensors;

namespace Normalization.Training.Learning;

/// <summary>Stochastic gradient descent with momentum: v = momentum·v + gradient, w = w - rate·v.
/// Weight decay adds decay·w to the gradient of matrices and kernels; biases, γ and β do not decay. Frozen parameters
/// stay as they are.</summary>
internal sealed class MomentumDescent(
    IEnumerable<Parameter<float>> parameters, double learningRate, double momentum, double weightDecay = 0)
{
    private readonly (Parameter<float> Parameter, float[] Velocity)[] _learned =
        [.. parameters.Where(p => p.RequiresGradient).Select(p => (p, new float[p.Value.Length]))];

    public void Step()
    {
        foreach ((Parameter<float> parameter, float[] velocity) in _learned)
        {
            Span<float> value = parameter.Value.Span;
            Span<float> gradient = parameter.Gradient.Span;
            if (weightDecay > 0 && parameter.Value.Rank > 1)
                TensorPrimitives.MultiplyAdd(value, (float)weightDecay, gradient, gradient);

            TensorPrimitives.MultiplyAdd(velocity, (float)momentum, gradient, velocity);
            TensorPrimitives.MultiplyAdd(velocity, -(float)learningRate, value, value);
            gradient.Clear();
        }
    }
}
