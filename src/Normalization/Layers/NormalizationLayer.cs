using System.Numerics;
using Normalization.Kernels.Plans;

namespace Normalization;

/// <summary>
/// A layer that normalizes groups of elements to mean 0 and variance 1 and then scales and shifts them:
/// y = (x - μ) / √(σ² + ε) · γ + β. Layers differ in which elements share statistics and which elements share coefficients.
/// </summary>
/// <remarks>
/// <para>
/// In training mode, the initial one, a forward pass remembers in the layer what <see cref="Backward(Tensor{T})"/> needs; the input
/// stays alive until the next pass, <see cref="Eval"/> or <see cref="ForgetForward"/>. In evaluation mode a forward pass writes no
/// state: it is safe from any number of threads at once, and the overload with an output allocates nothing.
/// </para>
/// <para>
/// A backward pass reads the input again. The pass compares a few elements of the input with their values in the forward pass, and throws
/// if these elements have changed. A change of other elements is not noticed and gives wrong gradients. A pass reads γ when it runs: where
/// γ has changed since the forward pass, the gradient of the input is that of the present γ. The gradients of γ and β do not depend on γ.
/// </para>
/// <para>
/// Backward passes of one layer must not run at the same time, also not with one context for each: all of them add to the gradients of the
/// same parameters. Forward passes of one layer may run at the same time in evaluation mode, or with one context for each.
/// </para>
/// <para>
/// Gradients of parameters are added up until <see cref="ZeroGradients"/>; the gradient of the input is overwritten. An output
/// may be exactly its input in evaluation mode, and an input gradient exactly the output gradient; any other overlap is refused.
/// A call that throws has changed nothing. A NaN or an infinity makes its own group NaN and no other.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// /// &lt;summary>LayerNorm over the channels of each position of [N, C, L].&lt;/summary>
/// internal sealed class PositionNorm&lt;T>(int channels)
///     : NormalizationLayer&lt;T>(epsilon: 1e-5, [channels], hasWeight: true, hasBias: true)
///     where T : unmanaged, IBinaryFloatingPointIeee754&lt;T>
/// {
///     protected override NormalizationPlan PlanFor(ReadOnlySpan&lt;int> shape) => shape.Length == 3 &amp;&amp; shape[1] == channels
///         ? NormalizationPlan.Positions(shape[0], channels, shape[2])
///         : throw new ArgumentException($"expected input [N, {channels}, L]");
/// }
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public abstract partial class NormalizationLayer<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly ForwardContext<T> _remembered = new();
    private Parameter<T>[] _parameters;
    private StateBuffer<T>[] _buffers = [];

    /// <summary>Creates a layer in training mode.</summary>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="parameterShape">The shape of γ and of β: as many elements as the plans have parameters.</param>
    /// <param name="hasWeight">Whether there is γ.</param>
    /// <param name="hasBias">Whether there is β.</param>
    /// <exception cref="ArgumentOutOfRangeException">ε is negative or not finite.</exception>
    /// <exception cref="ArgumentException"><paramref name="parameterShape"/> is negative somewhere, or too large.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    protected NormalizationLayer(double epsilon, ReadOnlySpan<int> parameterShape, bool hasWeight, bool hasBias)
    {
        Guard.ElementType<T>();
        Guard.Epsilon(epsilon);
        Epsilon = epsilon;
        Weight = hasWeight ? new("weight", parameterShape) : null;
        Bias = hasBias ? new("bias", parameterShape) : null;
        _parameters = [.. new[] { Weight, Bias }.OfType<Parameter<T>>()];
        Weight?.Value.Fill(T.One);
    }

    /// <summary>Gets a value indicating whether the layer is in training mode, the initial one.</summary>
    public bool IsTraining { get; private set; } = true;

    /// <summary>Gets ε, which is added to the variance (by RmsNorm to the mean square).</summary>
    public double Epsilon { get; }

    /// <summary>Gets γ, initially ones; null without affine.</summary>
    public Parameter<T>? Weight { get; }

    /// <summary>Gets β, initially zeros; null without affine.</summary>
    public Parameter<T>? Bias { get; }

    /// <summary>
    /// Gets the parameters of the layer: γ, then β, then those that the layer has registered. Frozen parameters (<see
    /// cref="Parameter{T}.RequiresGradient"/>) are included.
    /// </summary>
    public IReadOnlyList<Parameter<T>> Parameters => _parameters;

    /// <summary>Switches to training mode.</summary>
    public void Train() => IsTraining = true;

    /// <summary>Switches to training mode as <see cref="Train()"/> does, or to evaluation mode as <see cref="Eval"/> does.</summary>
    /// <param name="isTraining">Whether the layer is to train.</param>
    /// <exception cref="InvalidOperationException">
    /// <paramref name="isTraining"/> is false, and another thread is in a pass that the layer remembers.
    /// </exception>
    public void Train(bool isTraining)
    {
        if (isTraining)
            Train();
        else
            Eval();
    }

    /// <summary>Switches to evaluation mode and forgets the last forward pass, as <see cref="ForgetForward"/> does.</summary>
    /// <exception cref="InvalidOperationException">Another thread is in a pass that the layer remembers.</exception>
    public void Eval()
    {
        ForgetForward();
        IsTraining = false;
    }

    /// <summary>
    /// Forgets the last forward pass in training mode. The layer then no longer keeps the input of that pass in memory. A <see
    /// cref="ForwardContext{T}"/> has <see cref="ForwardContext{T}.Clear"/> for this.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another thread is in a pass that the layer remembers.</exception>
    public void ForgetForward() => _remembered.Clear();

    /// <summary>Sets the gradients of all parameters to zero, also those of frozen parameters.</summary>
    public void ZeroGradients()
    {
        foreach (Parameter<T> parameter in _parameters)
            parameter.ZeroGradient();
    }

    /// <summary>Sets γ to ones and β to zeros. A layer with other parameters overrides it.</summary>
    public virtual void ResetParameters()
    {
        Weight?.Value.Fill(T.One - T.CreateTruncating(AddedToWeight));
        Bias?.Value.Fill(T.Zero);
    }

    /// <summary>Gives the type of the layer and its <see cref="Configuration"/>, as PyTorch does.</summary>
    /// <returns>For example <c>GroupNorm(4, 64, epsilon: 1E-05, affine: True)</c>; the same text in every culture.</returns>
    public override string ToString() =>
        $"{GetType().Name.Split('`')[0]}({Configuration}{(Activation == Activation.None ? "" : $", activation: {Activation}")})";

    /// <summary>Decides what the next pass does; called once a pass.</summary>
    private PassMode<T> Decide(ForwardContext<T>? context = null)
    {
        bool isTraining = IsTraining;
        if (context is { IsRecomputation: true })
            return new(context.WasTraining) { IsRecomputation = true };
        StatisticsAccumulator? observer = Observer;
        FixedStatistics<T>? given = observer is null ? FixedStatisticsFor(isTraining) : null;
        bool takesStatistics = given is null && (isTraining || observer is not null);
        MicroBatches<T>? batch = takesStatistics ? context?.MicroBatches : null;
        return new(isTraining, given, takesStatistics && batch is not { IsMerged: true } ? Ranks : null)
        {
            Batch = batch,
            MovesRunningStatistics = takesStatistics && context is not { UpdateRunningStatistics: false },
            Observer = observer,
        };
    }

    /// <summary>How an input of this shape is shared out in a pass that does what the mode says.</summary>
    private Plan Describe(ReadOnlySpan<int> shape, in PassMode<T> mode, ForwardContext<T>? context)
    {
        if (mode.IsRecomputation)
            return PlanAgain(context!, shape);
        NormalizationPlan plan = PlanFor(shape);
        if (mode.Ranks is not null)
            mode.Ranks.GuardPlan(plan.Plan);
        else if (mode.Fixed is FixedStatistics<T> given)
            return Fix(plan.Plan, given);
        if (plan.Plan.PieceSize > 0 && !mode.IsTraining && mode.Observer is null)
            plan = plan.WithoutPieces;
        if (mode.Batch is not null)
            mode.Batch.GuardObserved(this, plan.ElementsPerGroup);
        else if (mode.Ranks is null)
            GuardStatistics(plan, shape);
        return plan.Plan;
    }

    private static Plan Fix(in Plan plan, in FixedStatistics<T> given)
    {
        Guard.Length<T>(given.Mean.Span, plan.C, nameof(given.Mean), "the number of channels");
        Guard.Length<T>(given.Variance.Span, plan.C, nameof(given.Variance), "the number of channels");
        return plan.WithChannelStatistics;
    }

    /// <summary>The values of a parameter, none if it is not there.</summary>
    internal static ReadOnlySpan<T> ValueOf(Parameter<T>? parameter) => parameter is null ? default : parameter.Value.Span;

    private protected static Span<T> GradientOf(Parameter<T>? parameter) => parameter is null ? default : parameter.Gradient.Span;

    /// <summary>
    /// Throws unless the memory has the planned size. A tensor or a layer does not fit its own shape if another thread changed the
    /// array of that shape while it was made.
    /// </summary>
    private static void GuardSizes(in Plan plan, ReadOnlySpan<T> x, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias)
    {
        Guard.Length(x, plan.Elements, "input", "the product of its shape");
        Guard.LengthOrEmpty(weight, plan.Parameters, nameof(Weight), "the number of parameters");
        Guard.LengthOrEmpty(bias, plan.Parameters, nameof(Bias), "the number of parameters");
    }

    private protected static void GuardShape(Tensor<T> tensor, ReadOnlySpan<int> expected, string name)
    {
        if (!tensor.Shape.SequenceEqual(expected))
            throw OtherShape(tensor, expected, name);
    }

    private static ArgumentException OtherShape(Tensor<T> tensor, ReadOnlySpan<int> expected, string name) =>
        new($"expected {name} {Shape.Format(expected)}, got {Shape.Format(tensor.Shape)}", name);
}
