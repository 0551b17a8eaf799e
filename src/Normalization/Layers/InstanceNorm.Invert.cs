using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization;

/// <content>The way back from the normalized scale to that of the input: reversible instance normalization.</content>
public partial class InstanceNorm<T>
{
    /// <summary>Takes values of the normalized scale back to the scale of an input that this layer has normalized.</summary>
    /// <inheritdoc cref="Invert(Tensor{T}, Tensor{T}, ForwardContext{T})"/>
    /// <param name="input">The values, with the samples and channels of that pass and any number of positions.</param>
    /// <param name="context">The context of the forward pass.</param>
    /// <returns>The values on the scale of the input.</returns>
    public Tensor<T> Invert(Tensor<T> input, ForwardContext<T> context)
    {
        ArgumentNullException.ThrowIfNull(input);
        Tensor<T> output = Tensor<T>.Uninitialized(input.Shape);
        Invert(input, output, context);
        return output;
    }

    /// <summary>
    /// Takes values of the normalized scale back to the scale of an input that this layer has normalized, without allocating: x = (y - β)
    /// / γ · √(σ² + ε) + μ, with the statistics that the context remembers for each channel of each sample.
    /// </summary>
    /// <remarks>
    /// <para>
    /// A model that forecasts normalizes the past of a series, predicts its future on the normalized scale, and takes the prediction back:
    /// the number of positions may be another one than in the forward pass. A channel whose γ is small is multiplied by its large inverse;
    /// a γ of 0 is refused. A pass with running statistics is inverted with them. Kim et al.: Reversible Instance Normalization for
    /// Accurate Time-Series Forecasting against Distribution Shift, 2022.
    /// </para>
    /// </remarks>
    /// <example>
    /// <code>
    /// var norm = new InstanceNorm1d&lt;float&gt;(1);
    /// var context = new ForwardContext&lt;float&gt;();
    /// Tensor&lt;float&gt; past = new([10, 20, 30, 20], 1, 1, 4), normalized = new(1, 1, 4);
    /// norm.Forward(past, normalized, context);
    /// Tensor&lt;float&gt; future = norm.Invert(new([0, 0], 1, 1, 2), context);  // 20, 20: the mean of the past
    /// </code>
    /// </example>
    /// <param name="input">The values, with the samples and channels of that pass and any number of positions.</param>
    /// <param name="output">Receives the values on the scale of the input; may be exactly <paramref name="input"/>.</param>
    /// <param name="context">The context of the forward pass.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A shape does not fit the layer or the forward pass, or memory overlaps.</exception>
    /// <exception cref="InvalidOperationException">
    /// The layer has an activation, the context remembers no forward pass of this layer or one without elements, a γ is 0, or another
    /// thread is in a pass with the context.
    /// </exception>
    public void Invert(Tensor<T> input, Tensor<T> output, ForwardContext<T> context)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(context);
        using ForwardContext<T>.Usage usage = ForwardContext<T>.Use(context);
        Plan plan = DescribeInverse(input, context);
        GuardShape(output, input.Shape, "output");
        NormalizationPrimitives.GuardForward<T>(input.Span, output.Span, ValueOf(Weight), ValueOf(Bias), nameof(input), nameof(output));
        GuardBuffers(output.Span);
        if (plan.Elements == 0)
            return;
        using Scratch<GroupStatistics> statistics = new(plan.C);
        using Scratch<T> means = new(plan.C);
        FillInverse(context, statistics.Span, means.Span);
        int parts = PartsOf(plan), elements = input.Length / parts, channels = (int)plan.C / parts;
        for (int i = 0; i < parts; i++)
        {
            Launch.Forward(
                PartOf(plan), input.Span.Slice(i * elements, elements), default, means.Span.Slice(i * channels, channels), epsilon: 0,
                statistics.Span.Slice(i * channels, channels), hasFixedStatistics: true, output.Span.Slice(i * elements, elements));
        }
    }

    /// <summary>
    /// The gradient of <see cref="Invert(Tensor{T}, Tensor{T}, ForwardContext{T})"/>: √(σ² + ε) / γ times the gradient of its output. It
    /// adds to the gradients of γ and β.
    /// </summary>
    /// <remarks>
    /// μ and σ count as constants, as in the reference implementation: no gradient flows through them to the input of the forward pass.
    /// </remarks>
    /// <param name="input">The input of that call, with the same values.</param>
    /// <param name="outputGradient">The gradient of its output.</param>
    /// <param name="inputGradient">Receives the gradient of its input; may be exactly the gradient of the output.</param>
    /// <param name="context">The context of the forward pass.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A shape does not fit the layer or the forward pass, or memory overlaps.</exception>
    /// <exception cref="InvalidOperationException">
    /// The layer has an activation, the context remembers no forward pass of this layer or one without elements, a γ is 0, or another
    /// thread is in a pass with the context.
    /// </exception>
    public void InvertBackward(Tensor<T> input, Tensor<T> outputGradient, Tensor<T> inputGradient, ForwardContext<T> context)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(outputGradient);
        ArgumentNullException.ThrowIfNull(inputGradient);
        ArgumentNullException.ThrowIfNull(context);
        using ForwardContext<T>.Usage usage = ForwardContext<T>.Use(context);
        Plan plan = DescribeInverse(input, context);
        GuardShape(outputGradient, input.Shape, nameof(outputGradient));
        GuardShape(inputGradient, input.Shape, nameof(inputGradient));
        Span<T> weightGradient = GradientOf(Weight), biasGradient = GradientOf(Bias);
        NormalizationPrimitives.GuardBackward(
            input.Span, outputGradient.Span, ValueOf(Weight), inputGradient.Span, weightGradient, biasGradient,
            nameof(input), nameof(outputGradient), nameof(inputGradient));
        Guard.Apart(inputGradient.Span, ValueOf(Bias), nameof(inputGradient), nameof(Bias));
        GuardBuffers(inputGradient.Span);
        if (plan.Elements == 0)
            return;
        using Scratch<GroupStatistics> statistics = new(plan.C);
        using Scratch<T> sums = new((nint)2 * plan.C);
        Span<T> products = sums.Span[..(int)plan.C], totals = sums.Span[(int)plan.C..];
        FillInverse(context, statistics.Span, products);
        sums.Span.Clear();
        bool hasGradients = Weight is { RequiresGradient: true } || Bias is { RequiresGradient: true };
        int parts = PartsOf(plan), elements = input.Length / parts, channels = (int)plan.C / parts;
        for (int i = 0; i < parts; i++)
        {
            Launch.Backward(
                PartOf(plan), input.Span.Slice(i * elements, elements), outputGradient.Span.Slice(i * elements, elements), default,
                statistics.Span.Slice(i * channels, channels), hasFixedStatistics: true, inputGradient.Span.Slice(i * elements, elements),
                hasGradients ? products.Slice(i * channels, channels) : default,
                hasGradients ? totals.Slice(i * channels, channels) : default);
        }
        for (int channel = 0; channel < NumFeatures && hasGradients; channel++)
            AddInverseGradients(channel, statistics.Span, products, totals);
    }

    /// <summary>Each channel of each sample as a channel of one sample, once all is checked.</summary>
    private Plan DescribeInverse(Tensor<T> input, ForwardContext<T> context)
    {
        GuardOwner(context);
        if (Activation != Activation.None)
            throw new InvalidOperationException("There is no way back through an activation. Use a layer without one.");
        Plan plan = PlanFor(input.Shape).Plan;
        if (plan.N != context.Plan.N)
            throw Guard.InputError($"expected input with {context.Plan.N} samples as in the forward pass, got {Shape.Format(input.Shape)}");
        if (plan.Elements > 0 && context.GroupCount == 0)
            throw new InvalidOperationException("The forward pass of the context had no elements, so it has no statistics to go back to.");
        int zero = ValueOf(Weight).IndexOf(T.Zero);
        if (zero >= 0)
            throw new InvalidOperationException($"γ of channel {zero} is 0, and the way back divides by it. Keep γ away from 0.");
        return Plan.Batch(1, (int)(plan.N * plan.C), (int)plan.S);
    }

    /// <summary>With the channels last, those of several samples do not lie side by side: each sample is a pass.</summary>
    private int PartsOf(in Plan inverse) => ChannelAxis == ChannelAxis.Last ? (int)inverse.C / NumFeatures : 1;

    private Plan PartOf(in Plan inverse) =>
        ChannelAxis == ChannelAxis.Last ? Plan.Batch(1, NumFeatures, (int)inverse.S).WithChannelsLast : inverse;

    /// <summary>The inverse as a normalization: about β, with σ / γ as the inverse deviation, and μ as what is added.</summary>
    private void FillInverse(ForwardContext<T> context, Span<GroupStatistics> statistics, Span<T> means)
    {
        ReadOnlySpan<T> weight = ValueOf(Weight), bias = ValueOf(Bias);
        ReadOnlySpan<GroupStatistics> remembered = context.Statistics;
        for (int i = 0; i < statistics.Length; i++)
        {
            int channel = i % NumFeatures;
            GroupStatistics source = remembered[context.HasFixedStatistics ? channel : i];
            double inverse = source.InverseStandardDeviation, gamma = weight.IsEmpty ? 1 : Element.ToDouble(weight[channel]);
            statistics[i] = new()
            {
                Mean = bias.IsEmpty ? 0 : Element.ToDouble(bias[channel]),
                Variance = gamma * gamma,
                InverseStandardDeviation = inverse == 0 ? 0 : 1 / (inverse * gamma),
            };
            means[i] = Element.FromDouble<T>(source.Mean);
        }
    }

    /// <summary>x = (y - β) · s + μ with s = σ / γ: the sums are Σ dx · (y - β) · s and Σ dx of each sample.</summary>
    private void AddInverseGradients(
        int channel, ReadOnlySpan<GroupStatistics> statistics, ReadOnlySpan<T> products, ReadOnlySpan<T> totals)
    {
        double product = 0, total = 0;
        for (int i = channel; i < statistics.Length; i += NumFeatures)
        {
            product += Element.ToDouble(products[i]);
            total += Element.ToDouble(totals[i]) * statistics[i].InverseStandardDeviation;
        }
        if (Weight is { RequiresGradient: true } weight)
            Add(ref weight.Gradient.Span[channel], -product / Element.ToDouble(weight.Value.Span[channel]));
        if (Bias is { RequiresGradient: true } bias)
            Add(ref bias.Gradient.Span[channel], -total);

        static void Add(ref T gradient, double term) => gradient = Element.FromDouble<T>(Element.ToDouble(gradient) + term);
    }
}
