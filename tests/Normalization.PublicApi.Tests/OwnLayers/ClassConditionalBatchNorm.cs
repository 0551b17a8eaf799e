// begin-sample conditional-layer
using System.Numerics;
using Normalization;

// end-sample
namespace OwnLayers;

// begin-sample conditional-layer
/// <summary>BatchNorm whose γ and β are rows of two tables, chosen by the class of each sample.</summary>
internal sealed class ClassConditionalBatchNorm<T> : BatchNorm<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
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

    protected override void ForwardCore(in ForwardPass<T> pass)
    {
        int[] classes = Classes;
        if (classes.Length != pass.Shape[0])
            throw new ArgumentException($"expected {pass.Shape[0]} classes, got {classes.Length}");
        base.ForwardCore(pass);
        pass.Context?.LayerData = classes;
        for (int i = 0; i < pass.Output.Length; i++)
        {
            int row = Row(i, classes, pass.Output.Length, out _);
            pass.Output[i] = (pass.Output[i] * Scales.Value.Span[row]) + Shifts.Value.Span[row];
        }
    }

    protected override void BackwardCore(in BackwardPass<T> pass)
    {
        int[] classes = (int[])pass.Context.LayerData!;
        for (int i = 0; i < pass.Input.Length; i++)
        {
            int row = Row(i, classes, pass.Input.Length, out int channel);
            T dy = pass.OutputGradient[i];
            T centered = pass.Input[i] - T.CreateTruncating(pass.Context.GetMean(channel));
            Scales.Gradient.Span[row] += dy * centered * T.CreateTruncating(pass.Context.GetInverseStandardDeviation(channel));
            Shifts.Gradient.Span[row] += dy;
            pass.InputGradient[i] = dy * Scales.Value.Span[row];
        }
        base.BackwardCore(pass.WithOutputGradient(pass.InputGradient));
    }

    /// <summary>The row of the tables, by the class of the sample and the channel.</summary>
    private int Row(int element, int[] classes, int elements, out int channel)
    {
        int run = element / (elements / classes.Length / NumFeatures);
        channel = run % NumFeatures;
        return (classes[run / NumFeatures] * NumFeatures) + channel;
    }
}
// end-sample
