using System.Diagnostics;

namespace Normalization.Training.Networks;

/// <summary>A normalization layer of the library as a step of a network, with a clock that runs while training is inside it.</summary>
/// <remarks>A class cannot be given an interface from outside, so the layers of the library need this class to be an <see cref="ILayer"/>.
/// It also keeps the tensors for their outputs, and the clock measures each of them.</remarks>
internal sealed class Normalized(NormalizationLayer<float> layer) : ILayer
{
    private readonly Scratch _outputs = new();
    private readonly Scratch _inputGradients = new();

    public NormalizationLayer<float> Layer => layer;

    public TimeSpan TrainingTime { get; private set; }

    public IReadOnlyList<Parameter<float>> Parameters => layer.Parameters;

    public void Train() => layer.Train();

    public void Eval() => layer.Eval();

    public Tensor<float> Forward(Tensor<float> input)
    {
        Tensor<float> output = _outputs.Get(input.Shape);
        long start = Stopwatch.GetTimestamp();
        layer.Forward(input, output);
        if (layer.IsTraining)
            TrainingTime += Stopwatch.GetElapsedTime(start);

        return output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        Tensor<float> inputGradient = _inputGradients.Get(outputGradient.Shape);
        long start = Stopwatch.GetTimestamp();
        layer.Backward(outputGradient, inputGradient);
        TrainingTime += Stopwatch.GetElapsedTime(start);
        return inputGradient;
    }
}
