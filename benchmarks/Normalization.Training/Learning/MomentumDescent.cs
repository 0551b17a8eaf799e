using System.Numerics.Tensors;
using Normalization.Training.Networks;

namespace Normalization.Training.Learning;

/// <summary>Stochastic gradient descent with momentum: v = momentum·v + gradient, w = w - rate·v.
/// Weight decay adds decay·w to the gradient of matrices and kernels; biases, γ and β do not decay.</summary>
internal sealed class MomentumDescent(
    IReadOnlyList<Weights> weights, double learningRate, double momentum, double weightDecay = 0)
{
    private readonly float[][] _velocities = [.. weights.Select(w => new float[w.Value.Length])];

    public void Step()
    {
        for (int i = 0; i < weights.Count; i++)
        {
            Span<float> velocity = _velocities[i];
            Span<float> value = weights[i].Value.Span;
            Span<float> gradient = weights[i].Gradient.Span;
            if (weightDecay > 0 && weights[i].Value.Rank > 1)
                TensorPrimitives.MultiplyAdd(value, (float)weightDecay, gradient, gradient);

            TensorPrimitives.MultiplyAdd(velocity, (float)momentum, gradient, velocity);
            TensorPrimitives.MultiplyAdd(velocity, -(float)learningRate, value, value);
            gradient.Clear();
        }
    }
}
