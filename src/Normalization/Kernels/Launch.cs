using System.Runtime.CompilerServices;
using Normalization.Kernels.Families;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels;

/// <summary>From validated spans to kernels: pins them, and repeats weights where a kernel needs it.</summary>
internal static unsafe partial class Launch
{
    /// <summary>Normalizes <paramref name="x"/>; computes the statistics, unless they are given.</summary>
    public static void Forward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        Span<T> y)
        where T : unmanaged
    {
        if (plan.Elements == 0)
            return;
        if (!hasFixedStatistics && IsShortRow<T>(plan) && !(weight.IsEmpty && !bias.IsEmpty))
        {
            ForwardRow(plan, x, weight, bias, epsilon, statistics, y);
            return;
        }
        ForwardGroups(plan, x, weight, bias, epsilon, statistics, hasFixedStatistics, y);
    }

    // Methods of their own: what they need on the stack would be cleared for each row.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ForwardGroups<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        Span<T> y)
        where T : unmanaged
    {
        if (plan.PieceSize > 0)
        {
            Pieces.Forward(plan, x, weight, bias, epsilon, statistics, hasFixedStatistics, y);
            return;
        }
        // Where statistics that are not a channel's are given, as in a backward pass, the kernel is the one that has computed them.
        bool areChannels = hasFixedStatistics && plan.Statistics == StatisticsSharing.Channel;
        using var coefficients = new Coefficients<T>(plan, Direction.Forward, areChannels, weight, bias, out Route route);
        fixed (T* px = x, py = y, pw = coefficients.Weight, pb = coefficients.Bias)
        fixed (GroupStatistics* ps = statistics)
        {
            KernelSet<T>.Active.Forward(route, new()
            {
                Input = px,
                Output = py,
                Weight = pw,
                Bias = pb,
                Statistics = ps,
                Epsilon = epsilon,
                Positions = plan.S,
                HasFixedStatistics = hasFixedStatistics,
                IsCentered = plan.IsCentered,
                IsExact = plan.HasExactStatistics,
            });
        }
    }

    /// <summary>
    /// The gradient of the input, and one more term in those of the parameters. Rows can take dy back through the terms; units and channels
    /// through ReLU, with the signs and then the bounds of all.
    /// </summary>
    public static void Backward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        in FusedTerms<T> terms = default,
        ReadOnlySpan<T> bias = default,
        ReadOnlySpan<double> bounds = default)
        where T : unmanaged
    {
        if (plan.Elements == 0)
            return;
        if (!hasFixedStatistics && IsShortRow<T>(plan) && !weight.IsEmpty && terms.ActivationKind == ActivationKind.None
            && TryBackwardRow(plan, x, dy, weight, statistics, dx, weightGradient, biasGradient))
        {
            return;
        }
        BackwardGroups(
            plan, x, dy, weight, statistics, hasFixedStatistics, dx, weightGradient, biasGradient, terms, bias, bounds);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void BackwardGroups<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        in FusedTerms<T> terms,
        ReadOnlySpan<T> bias,
        ReadOnlySpan<double> bounds)
        where T : unmanaged
    {
        if (plan.PieceSize > 0)
        {
            Pieces.Backward(plan, x, dy, weight, statistics, hasFixedStatistics, dx, weightGradient, biasGradient);
            return;
        }
        Direction direction = weightGradient.IsEmpty && biasGradient.IsEmpty ? Direction.InputGradient : Direction.Backward;
        using var coefficients = new Coefficients<T>(plan, direction, hasFixedStatistics, weight, bias, out Route route);
        if (route.IsTransposed && route.Family != Family.Rows)
        {
            Transposition.Backward(plan, x, dy, weight, statistics, hasFixedStatistics, dx, weightGradient, biasGradient);
            return;
        }
        if (route.Direction == Direction.Forward)
        {
            Scale(plan, dy, weight, statistics, dx);
            return;
        }
        fixed (T* px = x, pdy = dy, pdx = dx, pw = coefficients.Weight, pb = coefficients.Bias, skip = terms.Skip)
        fixed (T* pdw = weightGradient, pdb = biasGradient)
        fixed (double* expanded = coefficients.ExpandedGradients, signs = bounds)
        fixed (GroupStatistics* ps = statistics)
        {
            KernelSet<T>.Active.Backward(route, new()
            {
                Input = px,
                OutputGradient = pdy,
                InputGradient = pdx,
                Weight = pw,
                WeightGradient = pdw,
                BiasGradient = pdb,
                ActivationKind = terms.ActivationKind,
                Bias = pb,
                Skip = skip,
                InputSigns = signs,
                LeastInputs = signs == null ? null : signs + (bounds.Length / 2),
                ExpandedWeightGradient = expanded,
                ExpandedBiasGradient = expanded == null ? null : expanded + (coefficients.ExpandedGradients.Length / 2),
                Statistics = ps,
                Positions = plan.S,
                HasFixedStatistics = hasFixedStatistics,
                IsCentered = plan.IsCentered,
            });
        }
        coefficients.AddGradients(weightGradient, biasGradient);
    }

    /// <summary>Only BatchNorm's Σ dy and Σ dy · x̂ of each channel, where other ranks have more elements of the channel.</summary>
    public static void GradientSums<T>(
        in Plan plan, ReadOnlySpan<T> x, ReadOnlySpan<T> dy, Span<GroupStatistics> statistics, Span<Sums> sums)
        where T : unmanaged
    {
        sums.Clear();
        if (plan.Elements == 0)
            return;
        Dispatch.Choose(plan, Direction.Backward, hasFixedStatistics: false, out Route route);
        fixed (T* px = x, pdy = dy)
        fixed (GroupStatistics* ps = statistics)
        fixed (Sums* pSums = sums)
        {
            KernelSet<T>.Active.Backward(
                route,
                new() { Input = px, OutputGradient = pdy, Statistics = ps, ChannelSums = pSums, IsCentered = true });
        }
    }

    /// <summary>
    /// BatchNorm's gradient of the input alone, from the sums of each channel over the <paramref name="count"/> elements of all ranks.
    /// </summary>
    public static void InputGradient<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        Span<GroupStatistics> statistics,
        Span<Sums> sums,
        double count,
        Span<T> dx)
        where T : unmanaged
    {
        if (plan.Elements == 0)
            return;
        Dispatch.Choose(plan, Direction.InputGradient, hasFixedStatistics: false, out Route route);
        fixed (T* px = x, pdy = dy, pdx = dx, pw = weight)
        fixed (GroupStatistics* ps = statistics)
        fixed (Sums* pSums = sums)
        {
            KernelSet<T>.Active.Backward(route, new()
            {
                Input = px,
                OutputGradient = pdy,
                InputGradient = pdx,
                Weight = pw,
                Statistics = ps,
                GivenSums = pSums,
                GivenCount = count,
                IsCentered = true,
            });
        }
    }

    /// <summary>One more term in BatchNorm's parameter gradients, from the sums of each channel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddParameterGradients<T>(
        ReadOnlySpan<GroupStatistics> statistics, ReadOnlySpan<Sums> sums, Span<T> weightGradient, Span<T> biasGradient)
        where T : unmanaged
    {
        fixed (T* pdw = weightGradient, pdb = biasGradient)
        {
            var operands = new BackwardOperands<T> { WeightGradient = pdw, BiasGradient = pdb };
            for (int channel = 0; channel < sums.Length; channel++)
                operands.AddParameterGradients<One>(channel, sums[channel].Product, sums[channel].Sum);
        }
    }

    /// <summary>Computes the statistics alone, which may be merged with others.</summary>
    public static void Moments<T>(in Plan plan, ReadOnlySpan<T> x, Span<GroupStatistics> statistics) where T : unmanaged => Forward(
        plan with { HasExactStatistics = true }, x, default, default, epsilon: 0, statistics, hasFixedStatistics: false, default);

    /// <summary>dx = r · γ · dy with fixed statistics: a forward pass about a mean of 0, which needs neither x nor sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Scale<T>(
        in Plan plan, ReadOnlySpan<T> dy, ReadOnlySpan<T> weight, ReadOnlySpan<GroupStatistics> statistics, Span<T> dx)
        where T : unmanaged
    {
        using var scratch = new Scratch<GroupStatistics>(statistics.Length);
        for (int i = 0; i < statistics.Length; i++)
            scratch.Span[i] = new() { InverseStandardDeviation = statistics[i].InverseStandardDeviation };
        Forward(plan, dy, weight, default, epsilon: 0, scratch.Span, hasFixedStatistics: true, dx);
    }

    /// <summary>Each coefficient so many times.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static Span<T> Repeat<T>(ReadOnlySpan<T> source, int repetition, Span<T> destination) where T : unmanaged
    {
        for (int i = 0; i < source.Length; i++)
            destination.Slice(i * repetition, repetition).Fill(source[i]);
        return destination;
    }

    /// <summary>Each gradient gains the terms of the repetitions of its coefficient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddRepetitions<T>(ReadOnlySpan<double> expanded, int repetition, Span<T> gradient) where T : unmanaged
    {
        for (int i = 0; i < gradient.Length; i++)
        {
            double sum = 0;
            foreach (double term in expanded.Slice(i * repetition, repetition))
                sum += term;
            gradient[i] = Element.FromDouble<T>(Element.ToDouble(gradient[i]) + sum);
        }
    }
}
