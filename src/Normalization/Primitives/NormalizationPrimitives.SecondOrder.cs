using System.Numerics;
using System.Runtime.CompilerServices;
using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;

namespace Normalization;

public static partial class NormalizationPrimitives
{
    private const string OutputTangent = "outputTangent";

    /// <summary>
    /// The tangent of the output, the derivative of y along tangents of x, γ and β (Jacobian-vector product, forward mode):
    /// γ · r · P(ẋ) + γ̇ · x̂ + β̇ with P(u) = u - m(u) - x̂ · m(u · x̂) and m the mean over a group.
    /// </summary>
    /// <remarks>
    /// A plan without means has P(u) = u - x̂ · m(u · x̂). With fixed statistics P(u) = u. It computes in double and rounds once; doubles
    /// need products of r, γ and the tangents in the range of their type.
    /// </remarks>
    /// <example>
    /// <code>
    /// NormalizationPlan plan = NormalizationPlan.Rows(rows: 1, width: 4);
    /// double[] x = [1, 2, 4, 8], y = new double[4], mean = new double[1], inverseStandardDeviation = new double[1];
    /// NormalizationPrimitives.LayerNormForward&lt;double>(
    ///     x, rows: 1, width: 4, weight: [], bias: [], 1e-5, y, mean, inverseStandardDeviation);
    ///
    /// double[] direction = [0, 0, 0, 1], tangent = new double[4];
    /// NormalizationPrimitives.ForwardTangent&lt;double>(
    ///     plan, x, direction, weight: [], weightTangent: [], biasTangent: [], tangent, mean, inverseStandardDeviation);
    /// </code>
    /// </example>
    /// <param name="plan">Who shares statistics and coefficients, and the sizes.</param>
    /// <param name="x">The input of the forward pass.</param>
    /// <param name="inputTangent">ẋ; empty for zeros.</param>
    /// <param name="weight">γ; empty for ones.</param>
    /// <param name="weightTangent">γ̇; empty for zeros.</param>
    /// <param name="biasTangent">β̇; empty for zeros.</param>
    /// <param name="outputTangent">Receives the tangent of the output; may be exactly <paramref name="inputTangent"/>.</param>
    /// <param name="mean">The mean of each group, from the forward pass; of a plan without means it is not read.</param>
    /// <param name="inverseStandardDeviation">1 / √(σ² + ε) of each group, from the forward pass.</param>
    /// <param name="hasFixedStatistics">Whether the statistics of each channel were given and do not depend on x.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the plan asks for, or memory overlaps.</exception>
    /// <exception cref="NotSupportedException">The plan is one of windows, or it has no channels and the statistics are fixed, or
    /// <typeparamref name="T"/> is neither float nor double.</exception>
    public static void ForwardTangent<T>(
        NormalizationPlan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> inputTangent,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> weightTangent,
        ReadOnlySpan<T> biasTangent,
        Span<T> outputTangent,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation,
        bool hasFixedStatistics = false)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Guard.SameLength<T>(outputTangent, x, nameof(outputTangent), nameof(x));
        SecondOrderSpans<T> spans = new()
        {
            Input = x,
            Weight = weight,
            InputDirection = inputTangent,
            WeightDirection = weightTangent,
            BiasDirection = biasTangent,
            OutputDerivative = outputTangent,
        };
        RunSecondOrder(plan, spans, mean, inverseStandardDeviation, hasFixedStatistics);
    }

    /// <summary>
    /// Backward through a backward pass: from gradients v, u and b with respect to dx, dγ and dβ to those with respect to dy, x and γ.
    /// With g = γ · dy and P(z) = z - m(z) - x̂ · m(z · x̂): γ · r · P(v) + u · x̂ + b for dy, Σ dy · r · P(v) for γ, and for x
    /// r · P(u · dy) - r² · (x̂ · m(v · P(g)) + m(v · x̂) · P(g) + m(g · x̂) · P(v)).
    /// </summary>
    /// <remarks>
    /// A plan without means has P(z) = z - x̂ · m(z · x̂). With fixed statistics P(z) = z, and the gradient of x is r · u · dy. It computes
    /// in double and rounds once; doubles need products of r, γ, dy and v in the range of their type.
    /// </remarks>
    /// <example>
    /// <code>
    /// NormalizationPlan plan = NormalizationPlan.Rows(rows: 1, width: 4);
    /// double[] x = [1, 2, 4, 8], dy = [1, 0, 0, -1], y = new double[4], mean = new double[1], inverseStandardDeviation = new double[1];
    /// NormalizationPrimitives.LayerNormForward&lt;double>(
    ///     x, rows: 1, width: 4, weight: [], bias: [], 1e-5, y, mean, inverseStandardDeviation);
    ///
    /// double[] v = [0, 1, 0, 0], dyGradient = new double[4], xGradient = new double[4];
    /// NormalizationPrimitives.DoubleBackward&lt;double>(
    ///     plan, x, dy, weight: [],
    ///     new DoubleBackwardTerms&lt;double>
    ///     {
    ///         InputGradientGradient = v,
    ///         OutputGradientGradient = dyGradient,
    ///         InputGradient = xGradient,
    ///     },
    ///     mean, inverseStandardDeviation);
    /// </code>
    /// </example>
    /// <param name="plan">Who shares statistics and coefficients, and the sizes.</param>
    /// <param name="x">The input of the forward pass.</param>
    /// <param name="dy">The gradient of the output that the backward pass took.</param>
    /// <param name="weight">γ; empty for ones.</param>
    /// <param name="terms">The gradients with respect to the results of the backward pass, and where the results go, which must overlap
    /// nothing.</param>
    /// <param name="mean">The mean of each group, from the forward pass; of a plan without means it is not read.</param>
    /// <param name="inverseStandardDeviation">1 / √(σ² + ε) of each group, from the forward pass.</param>
    /// <param name="hasFixedStatistics">Whether the statistics of each channel were given and do not depend on x.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentException">A span does not have the length that the plan asks for, or memory overlaps.</exception>
    /// <exception cref="NotSupportedException">The plan is one of windows, or it has no channels and the statistics are fixed, or
    /// <typeparamref name="T"/> is neither float nor double.</exception>
    public static void DoubleBackward<T>(
        NormalizationPlan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        in DoubleBackwardTerms<T> terms,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation,
        bool hasFixedStatistics = false)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Guard.SameLength(dy, x, nameof(dy), nameof(x));
        SecondOrderSpans<T> spans = new()
        {
            Input = x,
            OutputGradient = dy,
            Weight = weight,
            InputDirection = terms.InputGradientGradient,
            WeightDirection = terms.WeightGradientGradient,
            BiasDirection = terms.BiasGradientGradient,
            OutputDerivative = terms.OutputGradientGradient,
            InputGradient = terms.InputGradient,
            WeightGradient = terms.WeightGradient,
        };
        RunSecondOrder(plan, spans, mean, inverseStandardDeviation, hasFixedStatistics);
    }

    /// <summary>Checks every pass of second order: what is written overlaps nothing, but a tangent of y may be exactly that of x.</summary>
    internal static void GuardSecondOrder<T>(in Plan plan, in SecondOrderSpans<T> spans, ReadOnlySpan<T> weight) where T : unmanaged
    {
        const string Parameters = "the number of parameters";
        bool isTangent = spans.OutputGradient.IsEmpty;
        (string v, string u, string b, string derivative) = isTangent
            ? ("inputTangent", "weightTangent", "biasTangent", OutputTangent)
            : ("InputGradientGradient", "WeightGradientGradient", "BiasGradientGradient", "OutputGradientGradient");
        Guard.LengthOrEmpty(spans.InputDirection, plan.Elements, v, PlanElements);
        Guard.LengthOrEmpty(spans.WeightDirection, plan.Parameters, u, Parameters);
        Guard.LengthOrEmpty(spans.BiasDirection, plan.Parameters, b, Parameters);
        Guard.LengthOrEmpty<T>(spans.OutputDerivative, plan.Elements, derivative, PlanElements);
        Guard.LengthOrEmpty<T>(spans.InputGradient, plan.Elements, nameof(spans.InputGradient), PlanElements);
        Guard.LengthOrEmpty<T>(spans.WeightGradient, plan.Parameters, nameof(spans.WeightGradient), Parameters);
        if (isTangent)
            Guard.SameOrApart(spans.OutputDerivative, spans.InputDirection, derivative, v);
        else
            Guard.Apart<T, T>(spans.OutputDerivative, spans.InputDirection, derivative, v);
        GuardResult(spans.OutputDerivative, derivative, spans, weight);
        GuardResult(spans.InputGradient, nameof(spans.InputGradient), spans, weight);
        GuardResult(spans.WeightGradient, nameof(spans.WeightGradient), spans, weight);
        Guard.Apart<T, T>(spans.OutputDerivative, spans.InputGradient, derivative, nameof(spans.InputGradient));
        GuardWritten<T, T>(spans.InputGradient, nameof(spans.InputGradient), spans.InputDirection, spans.WeightGradient);
        GuardWritten<T, T>(spans.WeightGradient, nameof(spans.WeightGradient), spans.InputDirection, spans.OutputDerivative);
    }

    private static void GuardResult<T>(Span<T> written, string name, in SecondOrderSpans<T> spans, ReadOnlySpan<T> weight)
        where T : unmanaged
    {
        GuardWritten<T, T>(written, name, spans.Input, spans.OutputGradient, spans.WeightDirection, spans.BiasDirection);
        GuardWritten<T, T>(written, name, weight, default);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunSecondOrder<T>(
        NormalizationPlan given,
        in SecondOrderSpans<T> spans,
        ReadOnlySpan<double> mean,
        ReadOnlySpan<double> inverseStandardDeviation,
        bool hasFixedStatistics)
        where T : unmanaged
    {
        Plan plan = hasFixedStatistics ? given.Plan.WithChannelStatistics : given.Plan;
        Guard.ElementType<T>();
        if (plan.Statistics == StatisticsSharing.Window)
            throw new NotSupportedException("Windows have no derivatives of second order here. Use a plan with statistics.");
        Guard.Length(spans.Input, plan.Elements, "x", PlanElements);
        Guard.LengthOrEmpty(spans.Weight, plan.Parameters, "weight", "the number of parameters");
        GuardSecondOrder(plan, spans, spans.Weight);
        if (plan.IsCentered)
            Guard.Length(mean, plan.StatisticsCount, nameof(mean), "the number of groups");
        Guard.Length(inverseStandardDeviation, plan.StatisticsCount, nameof(inverseStandardDeviation), "the number of groups");
        GuardSaved(spans.OutputDerivative, OutputTangent, mean, inverseStandardDeviation);
        GuardSaved(spans.InputGradient, nameof(spans.InputGradient), mean, inverseStandardDeviation);
        GuardSaved(spans.WeightGradient, nameof(spans.WeightGradient), mean, inverseStandardDeviation);
        using Scratch<GroupStatistics> scratch = new(plan.Elements == 0 ? 0 : plan.StatisticsCount);
        for (int i = 0; i < scratch.Span.Length; i++)
            scratch.Span[i] = GroupStatistics.FromSaved(plan.IsCentered ? mean[i] : 0, inverseStandardDeviation[i]);
        SecondOrderLaunch.Run(plan, spans, scratch.Span, hasFixedStatistics);
    }
}
