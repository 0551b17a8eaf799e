using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;

namespace Normalization;

/// <content>Forward-mode derivatives, and backward through the backward pass.</content>
public abstract partial class NormalizationLayer<T>
{
    /// <summary>
    /// Gets a value indicating whether <see cref="ForwardTangent(Tensor{T}, in TangentOptions{T})"/> and <see
    /// cref="DoubleBackward(Tensor{T}, in DoubleBackwardOptions{T})"/> are those of the base class. The layers of the library say so; a
    /// layer of yours that overrides neither <see cref="ForwardCore"/> nor <see cref="BackwardCore"/> may say so too.
    /// </summary>
    protected virtual bool HasSecondOrder => GetType().Assembly == typeof(NormalizationLayer<T>).Assembly;

    /// <summary>
    /// Computes the tangent of the output, the derivative of y along tangents of x, γ and β (Jacobian-vector product, forward mode):
    /// γ · r · P(ẋ) + γ̇ · x̂ + β̇ with P(u) = u - m(u) - x̂ · m(u · x̂) and m the mean over a group. It changes nothing else and allocates
    /// nothing in the steady state.
    /// </summary>
    /// <remarks>
    /// <para>RmsNorm has P(u) = u - x̂ · m(u · x̂). With fixed statistics, as of BatchNorm in evaluation, P(u) = u.</para>
    /// <para>
    /// A NaN makes its group NaN and no other; with fixed statistics only its element. An empty input has an empty tangent.
    /// </para>
    /// </remarks>
    /// <param name="outputTangent">
    /// Receives the tangent of the output, of the input's shape; may be exactly the tangent of the input.
    /// </param>
    /// <param name="options">The tangents, and the context of the forward pass.</param>
    /// <exception cref="ArgumentNullException"><paramref name="outputTangent"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// A shape does not fit, memory overlaps, or there is a tangent of a parameter that the layer does not have.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// No forward pass is remembered, the input has changed since then, or another thread is in a pass with the context.
    /// </exception>
    /// <exception cref="NotSupportedException">
    /// The pass had more than the norm: an activation, a skip, a scale or a shift, a correction, ranks or micro-batches; or the layer is a
    /// LocalResponseNorm or one with passes of its own.
    /// </exception>
    public void ForwardTangent(Tensor<T> outputTangent, in TangentOptions<T> options)
    {
        ArgumentNullException.ThrowIfNull(outputTangent);
        ForwardContext<T> context = options.Context ?? _remembered;
        using ForwardContext<T>.Usage usage = ForwardContext<T>.Use(context);
        Tensor<T> input = GuardSecondOrder(context);
        GuardShape(outputTangent, context.Shape, nameof(outputTangent));
        GuardShapeOf(options.InputTangent, context.Shape, nameof(options.InputTangent));
        RunSecondOrder(context, new()
        {
            Input = input.Span,
            InputDirection = RememberedTerms<T>.SpanOf(options.InputTangent),
            WeightDirection = DirectionOf(options.WeightTangent, Weight, nameof(options.WeightTangent)),
            BiasDirection = DirectionOf(options.BiasTangent, Bias, nameof(options.BiasTangent)),
            OutputDerivative = outputTangent.Span,
        });
    }

    /// <summary>
    /// Goes backward through a backward pass: from the gradients with respect to its results (those of the input, of γ and of β) to the
    /// gradients with respect to what it took, the gradient of the output, the input and γ. It adds to the gradient of γ, unless γ is
    /// frozen, and allocates nothing in the steady state.
    /// </summary>
    /// <remarks>
    /// <para>
    /// With g = γ · dy, v, u and b the gradients with respect to dx, dγ and dβ, m the mean over a group and
    /// P(z) = z - m(z) - x̂ · m(z · x̂): the gradient of dy is γ · r · P(v) + u · x̂ + b; that of γ is Σ dy · r · P(v); that of x is
    /// r · P(u · dy) - r² · (x̂ · m(v · P(g)) + m(v · x̂) · P(g) + m(g · x̂) · P(v)). With fixed statistics P(z) = z, and the gradient of x
    /// is r · u · dy.
    /// </para>
    /// <para>
    /// The second derivatives of Σ dy · y are symmetric. So with tangents of x, γ and β as v, u and b, the three results are the tangents
    /// of y, of dx and of dγ for a constant dy: together with <see cref="Backward(Tensor{T}, Tensor{T})"/> of the tangent of dy they are
    /// the part that the norm has in a Hessian-vector product (Pearlmutter: Fast Exact Multiplication by the Hessian, 1994).
    /// </para>
    /// <para>
    /// A NaN makes its group NaN and no other; with fixed statistics only its element. The gradient of γ gets the NaNs of its terms.
    /// An empty input changes nothing.
    /// </para>
    /// </remarks>
    /// <param name="outputGradient">The gradient of the output that the backward pass took.</param>
    /// <param name="options">
    /// The gradients with respect to the results of the backward pass, and where the results of this one go. These must overlap nothing.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="outputGradient"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// A shape does not fit, memory overlaps, or there is a gradient of a parameter that the layer does not have.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// No forward pass is remembered, the input has changed since then, or another thread is in a pass with the context.
    /// </exception>
    /// <exception cref="NotSupportedException">
    /// The pass had more than the norm: an activation, a skip, a scale or a shift, a correction, ranks or micro-batches; or the layer is a
    /// LocalResponseNorm or one with passes of its own.
    /// </exception>
    public void DoubleBackward(Tensor<T> outputGradient, in DoubleBackwardOptions<T> options)
    {
        ArgumentNullException.ThrowIfNull(outputGradient);
        ForwardContext<T> context = options.Context ?? _remembered;
        using ForwardContext<T>.Usage usage = ForwardContext<T>.Use(context);
        Tensor<T> input = GuardSecondOrder(context);
        GuardShape(outputGradient, context.Shape, nameof(outputGradient));
        GuardShapeOf(options.InputGradientGradient, context.Shape, nameof(options.InputGradientGradient));
        GuardShapeOf(options.OutputGradientGradient, context.Shape, nameof(options.OutputGradientGradient));
        GuardShapeOf(options.InputGradient, context.Shape, nameof(options.InputGradient));
        bool addsToWeight = Weight is { RequiresGradient: true } && options.InputGradientGradient is not null;
        RunSecondOrder(context, new()
        {
            Input = input.Span,
            OutputGradient = outputGradient.Span,
            InputDirection = RememberedTerms<T>.SpanOf(options.InputGradientGradient),
            WeightDirection = DirectionOf(options.WeightGradientGradient, Weight, nameof(options.WeightGradientGradient)),
            BiasDirection = DirectionOf(options.BiasGradientGradient, Bias, nameof(options.BiasGradientGradient)),
            OutputDerivative = RememberedTerms<T>.SpanOf(options.OutputGradientGradient),
            InputGradient = RememberedTerms<T>.SpanOf(options.InputGradient),
            WeightGradient = addsToWeight ? GradientOf(Weight) : default,
        });
    }

    private static ReadOnlySpan<T> DirectionOf(Tensor<T>? direction, Parameter<T>? parameter, string name)
    {
        if (direction is null)
            return default;
        if (parameter is null)
            throw new ArgumentException($"The layer does not have the parameter of {name}; leave it null.", name);
        GuardShape(direction, parameter.Value.Shape, name);
        return direction.Span;
    }

    /// <summary>Throws unless the remembered pass is the norm alone, and returns what it has normalized.</summary>
    private Tensor<T> GuardSecondOrder(ForwardContext<T> context)
    {
        Tensor<T> input = GuardRemembered(context);
        string? reason =
            !HasSecondOrder ? "The layer may have passes of its own. If it has none, override HasSecondOrder."
            : context.Plan.Statistics == StatisticsSharing.Window ? "LocalResponseNorm has no derivatives of second order here."
            : context.Ranks is not null ? "The statistics are shared with other ranks. Use a layer that is not synchronized."
            : context.Batch is not null ? "The statistics are those of MicroBatches. Pass the whole batch at once."
            : !context.Correction.IsEmpty ? "BatchRenorm corrects x̂ in training. Use BatchNorm, or fixed statistics."
            : Activation != Activation.None || context.Terms.IsAny
                ? "The pass had an activation, a skip, a scale or a shift. Compute them outside of the layer."
            : null;
        return reason is null ? input : throw new NotSupportedException($"Only the norm alone has derivatives of second order. {reason}");
    }

    private void RunSecondOrder(ForwardContext<T> context, in SecondOrderSpans<T> spans)
    {
        Plan plan = context.Plan;
        ReadOnlySpan<T> weight = ValueOf(Weight), bias = ValueOf(Bias);
        GuardSizes(plan, spans.Input, weight, bias);
        Guard.LengthOrEmpty<GroupStatistics>(context.Statistics, plan.StatisticsCount, nameof(context), "the number of groups");
        GuardBuffers(spans.OutputDerivative);
        GuardBuffers(spans.InputGradient);
        NormalizationPrimitives.GuardSecondOrder(plan, spans, weight);
        GuardParameters(spans.OutputDerivative);
        GuardParameters(spans.InputGradient);
        context.GuardUnchanged(spans.Input);
        using Scratch<T> pooled = RentWeight();
        SecondOrderLaunch.Run(plan, spans.WithWeight(EffectiveWeight(pooled.Span)), context.Statistics, context.HasFixedStatistics);
    }

    /// <summary>Refuses an output over β or over a gradient of a parameter, those of frozen parameters included.</summary>
    private void GuardParameters(ReadOnlySpan<T> output)
    {
        Guard.Apart(output, ValueOf(Bias), nameof(output), nameof(Bias));
        Guard.Apart<T, T>(output, GradientOf(Weight), nameof(output), nameof(Weight));
        Guard.Apart<T, T>(output, GradientOf(Bias), nameof(output), nameof(Bias));
    }
}
