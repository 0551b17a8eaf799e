using System.Numerics;
using Normalization.Kernels;

namespace Normalization;

/// <summary>
/// A layer that normalises groups of elements to mean 0 and variance 1 and then scales and shifts them:
/// y = (x - μ) / √(σ² + ε) · γ + β. Which elements share statistics and which share coefficients is what layers differ by.
/// </summary>
/// <remarks>
/// <para>
/// In training mode, the initial one, a forward pass remembers in the layer what <see cref="Backward(Tensor{T})"/> needs. In
/// evaluation mode a forward pass writes no state: it is safe from any number of threads at once, and the overload with an
/// output allocates nothing.
/// </para>
/// <para>
/// Gradients of parameters are added up until <see cref="ZeroGradients"/>; the gradient of the input is overwritten. An output
/// may be exactly its input in evaluation mode, and an input gradient exactly the output gradient; any other overlap is refused.
/// A call that throws has changed nothing. A NaN or an infinity makes its own group NaN and no other.
/// </para>
/// </remarks>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public abstract partial class NormalizationLayer<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly ForwardContext<T> _remembered = new();
    private readonly Parameter<T>[] _parameters;

    private protected NormalizationLayer(double epsilon, ReadOnlySpan<int> parameterShape, bool hasWeight, bool hasBias)
    {
        Guard.ElementType<T>();
        Guard.Epsilon(epsilon);
        Epsilon = epsilon;
        Weight = hasWeight ? new("weight", parameterShape) : null;
        Bias = hasBias ? new("bias", parameterShape) : null;
        _parameters = [.. new[] { Weight, Bias }.OfType<Parameter<T>>()];
        ResetParameters();
    }

    /// <summary>Gets a value indicating whether the layer is in training mode, the initial one.</summary>
    public bool IsTraining { get; private set; } = true;

    /// <summary>Gets ε, which is added to the variance (by RmsNorm to the mean square).</summary>
    public double Epsilon { get; }

    /// <summary>Gets γ, initially ones; null without affine.</summary>
    public Parameter<T>? Weight { get; }

    /// <summary>Gets β, initially zeros; null without affine.</summary>
    public Parameter<T>? Bias { get; }

    /// <summary>Gets the parameters that are there: γ, then β, frozen ones (<see cref="Parameter{T}.RequiresGradient"/>) included.</summary>
    public IReadOnlyList<Parameter<T>> Parameters => _parameters;

    /// <summary>Gets a value indicating whether the statistics of the present mode do not depend on the input.</summary>
    private protected virtual bool HasFixedStatistics => false;

    /// <summary>Gets the ranks that the present mode shares its statistics with, if there are any.</summary>
    private protected virtual Synchronization? Peers => null;

    /// <summary>Switches to training mode.</summary>
    public void Train() => IsTraining = true;

    /// <summary>Switches to evaluation mode.</summary>
    public void Eval() => IsTraining = false;

    /// <summary>Sets the gradients of all parameters to zero, those of frozen ones too.</summary>
    public void ZeroGradients()
    {
        foreach (Parameter<T> parameter in _parameters)
            parameter.ZeroGradient();
    }

    /// <summary>Sets γ to ones and β to zeros.</summary>
    public void ResetParameters()
    {
        Weight?.Value.Fill(T.One);
        Bias?.Value.Fill(T.Zero);
    }

    /// <summary>Normalises a tensor into a new one.</summary>
    /// <param name="input">The input, of a shape that the layer accepts; an empty one gives an empty output.</param>
    /// <returns>The output, of the input's shape.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="input"/> is null.</exception>
    /// <exception cref="ArgumentException">The input's shape does not fit the layer, or a channel has one value in training.</exception>
    public Tensor<T> Forward(Tensor<T> input)
    {
        using Synchronization.Turn turn = Synchronization.BeginForward(Peers);
        ArgumentNullException.ThrowIfNull(input);
        Tensor<T> output = Tensor<T>.Uninitialized(input.Shape);
        Forward(input, output);
        return output;
    }

    /// <summary>Normalises a tensor into another one, without allocating.</summary>
    /// <param name="input">The input, of a shape that the layer accepts.</param>
    /// <param name="output">Receives the output; in evaluation mode it may be exactly the input.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A shape does not fit, memory overlaps, or a channel has one value in training.</exception>
    public void Forward(Tensor<T> input, Tensor<T> output) => Run(input, output, IsTraining ? _remembered : null);

    /// <summary>Normalises a tensor and remembers the pass in a context instead of in the layer.</summary>
    /// <param name="input">The input, of a shape that the layer accepts.</param>
    /// <param name="output">Receives the output; it must not overlap the input, which the backward pass needs.</param>
    /// <param name="context">Receives what the backward pass needs.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A shape does not fit, memory overlaps, or a channel has one value in training.</exception>
    public void Forward(Tensor<T> input, Tensor<T> output, ForwardContext<T> context)
    {
        using Synchronization.Turn turn = Synchronization.BeginForward(Peers);
        ArgumentNullException.ThrowIfNull(context);
        Run(input, output, context);
    }

    /// <summary>Goes backward through the last forward pass in training mode; adds to the gradients of the parameters.</summary>
    /// <param name="outputGradient">The gradient of the output.</param>
    /// <returns>The gradient of the input.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="outputGradient"/> is null.</exception>
    /// <exception cref="ArgumentException">The shape is not that of the forward pass.</exception>
    /// <exception cref="InvalidOperationException">No forward pass is remembered, or the layer is in evaluation mode.</exception>
    public Tensor<T> Backward(Tensor<T> outputGradient)
    {
        using Synchronization.Turn turn = Synchronization.BeginBackward(PeersOf(_remembered));
        ArgumentNullException.ThrowIfNull(outputGradient);
        Tensor<T> inputGradient = Tensor<T>.Uninitialized(outputGradient.Shape);
        Backward(outputGradient, inputGradient);
        return inputGradient;
    }

    /// <summary>Goes backward through the last forward pass in training mode, without allocating; adds to the gradients of the parameters.</summary>
    /// <param name="outputGradient">The gradient of the output.</param>
    /// <param name="inputGradient">Receives the gradient of the input; may be exactly the gradient of the output.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A shape is not that of the forward pass, or memory overlaps.</exception>
    /// <exception cref="InvalidOperationException">No forward pass is remembered, or the layer is in evaluation mode.</exception>
    public void Backward(Tensor<T> outputGradient, Tensor<T> inputGradient) => Backward(outputGradient, inputGradient, _remembered);

    /// <summary>Goes backward through the forward pass that a context remembers; adds to the gradients of the parameters.</summary>
    /// <param name="outputGradient">The gradient of the output.</param>
    /// <param name="inputGradient">Receives the gradient of the input; may be exactly the gradient of the output.</param>
    /// <param name="context">The context of the forward pass.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A shape is not that of the forward pass, or memory overlaps.</exception>
    /// <exception cref="InvalidOperationException">The context remembers no forward pass of this layer.</exception>
    public void Backward(Tensor<T> outputGradient, Tensor<T> inputGradient, ForwardContext<T> context)
    {
        using Synchronization.Turn turn = Synchronization.BeginBackward(PeersOf(context));
        ArgumentNullException.ThrowIfNull(outputGradient);
        ArgumentNullException.ThrowIfNull(inputGradient);
        ArgumentNullException.ThrowIfNull(context);
        Tensor<T> input = GuardRemembered(context);
        GuardShape(outputGradient, input.Shape, nameof(outputGradient));
        GuardShape(inputGradient, input.Shape, nameof(inputGradient));
        RunBackward(input.Span, outputGradient.Span, inputGradient.Span, context);
    }

    /// <summary>Says how an input of this shape is shared out, or throws.</summary>
    private protected abstract Plan Describe(ReadOnlySpan<int> shape);

    /// <summary>Refuses an output over memory that the layer itself reads.</summary>
    private protected virtual void GuardOutput(ReadOnlySpan<T> output)
    {
    }

    /// <summary>Fills the statistics that do not depend on the input.</summary>
    private protected virtual void FillFixedStatistics(Span<GroupStatistics> statistics) =>
        throw new InvalidOperationException("This layer has no statistics of its own.");

    /// <summary>Follows the statistics of a batch in training mode.</summary>
    private protected virtual void Track(ReadOnlySpan<GroupStatistics> statistics, double elementsPerGroup)
    {
    }

    private protected static string Format(ReadOnlySpan<int> shape) => Shape.Format(shape);

    private static ReadOnlySpan<T> ValueOf(Parameter<T>? parameter) => parameter is null ? default : parameter.Value.Span;

    private static Span<T> GradientOf(Parameter<T>? parameter) => parameter is null ? default : parameter.Gradient.Span;

    private static Span<T> WantedGradientOf(Parameter<T>? parameter) => parameter is { RequiresGradient: true } ? parameter.Gradient.Span : default;

    private static void GuardShape(Tensor<T> tensor, ReadOnlySpan<int> expected, string name)
    {
        if (!tensor.Shape.SequenceEqual(expected))
            throw new ArgumentException($"expected {name} {Format(expected)}, got {Format(tensor.Shape)}", name);
    }

    private void Run(Tensor<T> input, Tensor<T> output, ForwardContext<T>? context)
    {
        using Synchronization.Turn turn = Synchronization.BeginForward(Peers);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(output);
        Plan plan = Describe(input.Shape);
        GuardShape(output, input.Shape, nameof(output));
        Run(plan, input.Shape, input.Span, output.Span, context, input);
    }

    /// <summary>Normalises memory of the planned size; what a context remembers of the input is a tensor or nothing.</summary>
    private void Run(in Plan plan, ReadOnlySpan<int> shape, ReadOnlySpan<T> x, Span<T> y, ForwardContext<T>? context, Tensor<T>? remembered)
    {
        ReadOnlySpan<T> weight = ValueOf(Weight), bias = ValueOf(Bias);
        GuardOutput(y);
        NormalizationPrimitives.GuardForward(x, y, weight, bias, "input", "output");
        if (context is not null && x.Overlaps(y))
        {
            throw Guard.InputError(
                "output overlaps input, which the backward pass needs; pass another output, or call Eval() first if there is no backward pass.", "output");
        }
        if (Peers is Synchronization peers)
        {
            RunTogether(peers, plan, shape, x, y, context!, remembered);
            return;
        }
        bool isTraining = IsTraining, hasFixedStatistics = HasFixedStatistics;
        int groups = x.IsEmpty ? 0 : plan.StatisticsCount;
        using Scratch<GroupStatistics> scratch = context is null && groups > NormalizationPrimitives.GroupsOnStack ? new(groups) : default;
        scoped Span<GroupStatistics> statistics =
            context is not null ? context.StatisticsFor(groups)
            : groups > NormalizationPrimitives.GroupsOnStack ? scratch.Span
            : (stackalloc GroupStatistics[NormalizationPrimitives.GroupsOnStack])[..groups];
        if (hasFixedStatistics)
            FillFixedStatistics(statistics);
        Launch.Forward(plan, x, weight, bias, Epsilon, statistics, hasFixedStatistics, y);
        context?.Remember(this, plan, shape, remembered, groups, hasFixedStatistics);
        if (isTraining && !hasFixedStatistics)
            Track(statistics, plan.ElementsPerGroup);
    }

    /// <summary>Training with the statistics of all ranks. Nothing is written before they have agreed.</summary>
    private void RunTogether(
        Synchronization peers, in Plan plan, ReadOnlySpan<int> shape, ReadOnlySpan<T> x, Span<T> y, ForwardContext<T> context, Tensor<T>? remembered)
    {
        using var scratch = new Scratch<GroupStatistics>(plan.StatisticsCount);
        Launch.Moments(plan, x, scratch.Span);
        double elements = peers.MergeMoments(scratch.Span, plan.ElementsPerGroup, Epsilon);
        if (elements == 1)
        {
            throw Guard.InputError("Batch statistics need more than one value per channel, and all ranks together have one: the variance would be 0. Use a larger batch, or the running statistics by Eval() or UseRunningStatistics.");
        }
        Span<GroupStatistics> statistics = context.StatisticsFor(elements == 0 ? 0 : plan.StatisticsCount);
        scratch.Span[..statistics.Length].CopyTo(statistics);
        Launch.Forward(plan, x, ValueOf(Weight), ValueOf(Bias), Epsilon, statistics, hasFixedStatistics: true, y);
        context.RememberShared(this, plan, shape, remembered, statistics.Length, peers, elements);
        Track(statistics, elements);
    }

    private void RunBackward(ReadOnlySpan<T> x, ReadOnlySpan<T> dy, Span<T> dx, ForwardContext<T> context)
    {
        const string InputGradient = "inputGradient";
        ReadOnlySpan<T> weight = ValueOf(Weight);
        GuardOutput(dx);
        Guard.Apart(dx, ValueOf(Bias), InputGradient, nameof(Bias));
        // The gradients of frozen parameters count too: they must stay untouched.
        NormalizationPrimitives.GuardBackward(x, dy, weight, dx, GradientOf(Weight), GradientOf(Bias), "input", "outputGradient", InputGradient);
        if (context.Peers is Synchronization peers)
        {
            RunBackwardTogether(peers, x, dy, dx, context);
            return;
        }
        Launch.Backward(
            context.Plan, x, dy, weight, context.Statistics, context.HasFixedStatistics, dx, WantedGradientOf(Weight), WantedGradientOf(Bias));
    }

    /// <summary>The input gradient takes the sums of all ranks, the gradients of the parameters those of this one.</summary>
    private void RunBackwardTogether(Synchronization peers, ReadOnlySpan<T> x, ReadOnlySpan<T> dy, Span<T> dx, ForwardContext<T> context)
    {
        Plan plan = context.Plan;
        using var scratch = new Scratch<Sums>((nint)2 * plan.StatisticsCount);
        Span<Sums> own = scratch.Span[..plan.StatisticsCount], total = scratch.Span[plan.StatisticsCount..];
        Launch.GradientSums(plan, x, dy, context.Statistics, own);
        peers.AddSums(own, total, context.ElementsPerGroup);
        Launch.InputGradient(plan, x, dy, ValueOf(Weight), context.Statistics, total, context.ElementsPerGroup, dx);
        if (plan.Elements > 0)
            Launch.AddParameterGradients(context.Statistics, own, WantedGradientOf(Weight), WantedGradientOf(Bias));
    }

    private Tensor<T> GuardRemembered(ForwardContext<T> context)
    {
        if (context == _remembered && !IsTraining)
        {
            throw new InvalidOperationException(
                "The layer is in evaluation mode, in which Forward remembers nothing. Call Train() before Forward, or pass a ForwardContext to Forward and to Backward.");
        }
        GuardOwner(context);
        if (context.Input is not Tensor<T> input)
            throw new InvalidOperationException("The context remembers a forward pass on tensor spans, without its input. Pass the input to Backward again.");
        return input;
    }

    private void GuardOwner(ForwardContext<T> context)
    {
        if (context.Owner != this)
        {
            throw new InvalidOperationException(
                context.Owner is null
                    ? "No forward pass is remembered. Call Forward in training mode first, or pass the ForwardContext of a forward pass."
                    : "The context remembers a forward pass of another layer.");
        }
    }
}
