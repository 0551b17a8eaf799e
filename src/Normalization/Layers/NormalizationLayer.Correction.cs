using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization;

/// <content>What a layer does to x̂ because of the statistics that x̂ was made with.</content>
public abstract partial class NormalizationLayer<T>
{
    /// <summary>
    /// Gets a value indicating whether training corrects x̂ by <see cref="Correct"/>. The plans must then share statistics by channel, as
    /// BatchNorm's do, without virtual batches or micro-batches. The base class does not correct.
    /// </summary>
    protected virtual bool CorrectsInput => false;

    /// <summary>
    /// Says how x̂ is corrected: x̂ · scale + shift takes its place before γ and β. The backward pass takes both as constants.
    /// </summary>
    /// <remarks>
    /// It is called in each forward pass in training that takes statistics from its input, before the output is written and before <see
    /// cref="OnInputStatistics"/>, if <see cref="CorrectsInput"/> is set and the batch has elements. It must not throw.
    /// </remarks>
    /// <param name="statistics">The statistics of the batch.</param>
    /// <param name="scale">Receives the scale of each channel; ones when it is called.</param>
    /// <param name="shift">Receives the shift of each channel; zeros when it is called.</param>
    protected virtual void Correct(InputStatistics statistics, Span<double> scale, Span<double> shift)
    {
    }

    private static void GuardCorrection(in Plan plan, in PassMode<T> mode)
    {
        // The first of several parts moves the running statistics, which the correction of the other parts would see.
        bool isWhole = mode.Batch is null && plan.PieceSize == 0;
        if (!isWhole || plan is not { Statistics: StatisticsSharing.Channel, Coefficients: CoefficientSharing.Channel })
        {
            throw new NotSupportedException(
                "Only statistics of channels over a batch in one pass can correct x̂. Use a plan of NormalizationPlan.Batch, no virtual "
                    + "batches and no MicroBatches.");
        }
    }

    /// <summary>Forward with statistics that are there, corrected as the layer says.</summary>
    private void NormalizeCorrected(
        in ForwardPass<T> pass,
        in Plan plan,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        Span<GroupStatistics> statistics,
        double elements)
    {
        int channels = (int)plan.C;
        Span<double> correction = pass.Context!.ReserveCorrection(2 * channels);
        Span<double> scale = correction[..channels], shift = correction[channels..];
        scale.Fill(1);
        shift.Clear();
        if (!statistics.IsEmpty)
            Correct(new(statistics, elements), scale, shift);
        NormalizeCorrected(pass, plan, weight, bias, statistics, correction);
    }

    /// <summary>γ · scale and γ · shift + β stand for γ and β.</summary>
    private void NormalizeCorrected(
        in ForwardPass<T> pass,
        in Plan plan,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        Span<GroupStatistics> statistics,
        ReadOnlySpan<double> correction)
    {
        int channels = (int)plan.C;
        ReadOnlySpan<double> scale = correction[..channels], shift = correction[channels..];
        using var coefficients = new Scratch<T>((nint)2 * channels);
        Span<T> weights = coefficients.Span[..channels], biases = coefficients.Span[channels..];
        ScaleWeights(weight, scale, weights);
        for (int i = 0; i < channels; i++)
        {
            double gamma = weight.IsEmpty ? 1 : Element.ToDouble(weight[i]), beta = bias.IsEmpty ? 0 : Element.ToDouble(bias[i]);
            biases[i] = Element.FromDouble<T>((gamma * shift[i]) + beta);
        }
        Launch.Forward(plan, pass.Input, weights, biases, Epsilon, statistics, hasFixedStatistics: true, pass.Output);
    }

    /// <summary>Backward with γ · scale for γ: the gradient of γ gains scale · Σ dy · x̂ + shift · Σ dy.</summary>
    private void DifferentiateCorrected(
        in BackwardPass<T> pass, ReadOnlySpan<T> weight, Span<T> weightGradient, Span<T> biasGradient)
    {
        ForwardContext<T> context = pass.Context;
        Plan plan = context.Plan;
        int channels = (int)plan.C;
        Span<double> scale = context.Correction[..channels], shift = context.Correction[channels..];
        using var memory = new Scratch<T>((nint)3 * channels);
        Span<T> weights = memory.Span[..channels], products = memory.Span.Slice(channels, channels), sums = memory.Span[(2 * channels)..];
        ScaleWeights(weight, scale, weights);
        products.Clear();
        sums.Clear();
        bool hasGradients = !weightGradient.IsEmpty || !biasGradient.IsEmpty;
        products = hasGradients ? products : default;
        sums = hasGradients ? sums : default;
        if (context.Ranks is not null)
        {
            DifferentiateTogether(pass, default, default, weights, products, sums);
        }
        else
        {
            Launch.Backward(
                plan, pass.Input, pass.OutputGradient, weights, context.Statistics, context.HasFixedStatistics, pass.InputGradient,
                products, sums);
        }
        for (int i = 0; i < weightGradient.Length; i++)
        {
            double product = (scale[i] * Element.ToDouble(products[i])) + (shift[i] * Element.ToDouble(sums[i]));
            weightGradient[i] = Element.FromDouble<T>(Element.ToDouble(weightGradient[i]) + product);
        }
        for (int i = 0; i < biasGradient.Length; i++)
            biasGradient[i] = Element.FromDouble<T>(Element.ToDouble(biasGradient[i]) + Element.ToDouble(sums[i]));
    }

    private static void ScaleWeights(ReadOnlySpan<T> weight, ReadOnlySpan<double> scale, Span<T> weights)
    {
        for (int i = 0; i < weights.Length; i++)
            weights[i] = Element.FromDouble<T>((weight.IsEmpty ? 1 : Element.ToDouble(weight[i])) * scale[i]);
    }
}
