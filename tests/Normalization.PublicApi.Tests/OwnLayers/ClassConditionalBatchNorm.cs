using System.Numerics;
using Normalization;

namespace OwnLayers;

/// <summary>BatchNorm whose γ and β are rows of two tables, chosen by the class of each sample.</summary>
internal sealed class ClassConditionalBatchNorm<T> : BatchNorm<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly ForwardContext<T> _context = new();

    public ClassConditionalBatchNorm(int numClasses, int numFeatures)
        : base(numFeatures, epsilon: 1e-5, momentum: 0.1, affine: false, trackRunningStatistics: true)
    {
        RegisterParameter(Scales = new("scales", Tensor<T>.Full([numClasses, numFeatures], T.One)));
        RegisterParameter(Shifts = new("shifts", numClasses, numFeatures));
    }

    public Parameter<T> Scales { get; }

    public Parameter<T> Shifts { get; }

    /// <summary>Gets or sets the class of each sample of the next batch.</summary>
    public int[] Classes { get; set; } = [];

    public override void Forward(Tensor<T> input, Tensor<T> output)
    {
        if (IsTraining)
            base.Forward(input, output, _context);
        else
            base.Forward(input, output);
        int s = input.Length / Classes.Length / NumFeatures;
        for (int run = 0; run < Classes.Length * NumFeatures; run++)
        {
            int row = (Classes[run / NumFeatures] * NumFeatures) + (run % NumFeatures);
            foreach (ref T y in output.Span.Slice(run * s, s))
                y = (y * Scales.Value.Span[row]) + Shifts.Value.Span[row];
        }
    }

    public override void Backward(Tensor<T> outputGradient, Tensor<T> inputGradient)
    {
        int s = outputGradient.Length / Classes.Length / NumFeatures;
        for (int i = 0; i < outputGradient.Length; i++)
        {
            int channel = i / s % NumFeatures, row = (Classes[i / s / NumFeatures] * NumFeatures) + channel;
            T centered = _context.Input!.Span[i] - T.CreateTruncating(_context.GetMean(channel));
            Scales.Gradient.Span[row] += outputGradient.Span[i] * centered * T.CreateTruncating(_context.GetInverseStandardDeviation(channel));
            Shifts.Gradient.Span[row] += outputGradient.Span[i];
            inputGradient.Span[i] = outputGradient.Span[i] * Scales.Value.Span[row];
        }
        base.Backward(inputGradient, inputGradient, _context);
    }
}
