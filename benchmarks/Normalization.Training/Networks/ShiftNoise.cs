using System.Numerics.Tensors;
using MathNet.Numerics.Distributions;

namespace Normalization.Training.Networks;

/// <summary>In training multiplies and shifts every element at random: y = s·x + m. The means of s and m are drawn anew for every unit
/// at every step, so that the distribution which the next layer sees never stays; in evaluation does nothing.</summary>
/// <remarks>The noise of Santurkar et al. 2018: covariate shift, put in on purpose.</remarks>
internal sealed class ShiftNoise(int units, Random random) : ILayer
{
    private const double MeanShift = 0.5;
    private const double MostScale = 1.25;
    private const double Jitter = 0.1;

    private readonly Scratch _scales = new();
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();
    private bool _isTraining = true;
    private Tensor<float>? _scale;

    public void Train() => _isTraining = true;

    public void Eval() => _isTraining = false;

    public Tensor<float> Forward(Tensor<float> input)
    {
        if (!_isTraining)
            return input;

        _scale = _scales.Get(input.Shape);
        Tensor<float> output = _outputs.Get(input.Shape);
        Span<float> x = input.Span, y = output.Span, scales = _scale.Span;
        for (int unit = 0; unit < units; unit++)
        {
            double shift = Between(-MeanShift, MeanShift);
            double scale = Between(1, MostScale);
            for (int i = unit; i < x.Length; i += units)
            {
                scales[i] = (float)Normal.Sample(random, scale, Jitter);
                y[i] = scales[i] * x[i] + (float)(shift + Between(-Jitter, Jitter));
            }
        }

        return output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        Tensor<float> inputGradient = _inputGradients.Get(outputGradient.Shape);
        TensorPrimitives.Multiply(outputGradient.Span, _scale!.Span, inputGradient.Span);
        return inputGradient;
    }

    private double Between(double least, double most) => least + (most - least) * random.NextDouble();
}
