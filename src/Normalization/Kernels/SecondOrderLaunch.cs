using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;

namespace Normalization.Kernels;

/// <summary>Passes of second order, from checked spans to the kernel: in pieces, on the transposed tensor, with repeated weights.</summary>
internal static unsafe class SecondOrderLaunch
{
    /// <summary>The derivative of y along directions, the gradient of x, and one more term in that of γ, whichever are wanted.</summary>
    public static void Run<T>(in Plan plan, in SecondOrderSpans<T> spans, Span<GroupStatistics> statistics, bool hasFixedStatistics)
        where T : unmanaged
    {
        if (plan.Elements == 0)
            return;
        if (plan.PieceSize > 0)
        {
            RunPieces(plan, spans, statistics, hasFixedStatistics);
            return;
        }
        // With the channels last, a channel over the batch is a column; groups of channels are brought before their positions.
        bool isLast = plan.Order == MemoryOrder.ChannelsLast, areChannels = plan.Statistics == StatisticsSharing.Channel;
        Plan first = !isLast ? plan : areChannels ? plan.PositionsAsSamples : plan.WithChannelsFirst;
        Dispatch.ChooseSecondOrder(
            spans.HasCoefficients ? first : first with { Coefficients = CoefficientSharing.None }, out Route route);
        if (isLast && !areChannels)
            RunTransposed(first, route, (plan.N, plan.S, plan.C), spans, statistics, hasFixedStatistics);
        else if (route.IsTransposed && areChannels)
            RunTransposed(first, route, (1, first.N, first.C * first.S), spans, statistics, hasFixedStatistics);
        else if (route.IsTransposed)
            RunTransposed(first, route, (first.N, first.C, first.S), spans, statistics, hasFixedStatistics);
        else
            RunKernel(first, route, spans, statistics, hasFixedStatistics);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void RunPieces<T>(
        in Plan plan, in SecondOrderSpans<T> spans, Span<GroupStatistics> statistics, bool hasFixedStatistics)
        where T : unmanaged
    {
        for (int i = 0; i < plan.PieceCount; i++)
        {
            SecondOrderSpans<T> piece = new()
            {
                Input = Pieces.Of(plan, i, spans.Input),
                OutputGradient = Pieces.Of(plan, i, spans.OutputGradient),
                Weight = spans.Weight,
                InputDirection = Pieces.Of(plan, i, spans.InputDirection),
                WeightDirection = spans.WeightDirection,
                BiasDirection = spans.BiasDirection,
                OutputDerivative = Pieces.Of(plan, i, spans.OutputDerivative),
                InputGradient = Pieces.Of(plan, i, spans.InputGradient),
                WeightGradient = spans.WeightGradient,
            };
            Run(plan.Piece(i), piece, Pieces.Of(plan, i, statistics), hasFixedStatistics);
        }
    }

    /// <summary>Every [n, height, width] becomes [n, width, height] and is brought back.</summary>
    private static void RunTransposed<T>(
        in Plan plan,
        in Route route,
        (nint N, nint Height, nint Width) sizes,
        in SecondOrderSpans<T> spans,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics)
        where T : unmanaged
    {
        (nint n, nint height, nint width) = sizes;
        using Scratch<T> input = Turned(spans.Input), direction = Turned(spans.InputDirection);
        using Scratch<T> outputGradient = Turned(spans.OutputGradient);
        using Scratch<T> derivative = new(spans.OutputDerivative.Length), inputGradient = new(spans.InputGradient.Length);
        SecondOrderSpans<T> turned = new()
        {
            Input = input.Span,
            OutputGradient = outputGradient.Span,
            Weight = spans.Weight,
            InputDirection = direction.Span,
            WeightDirection = spans.WeightDirection,
            BiasDirection = spans.BiasDirection,
            OutputDerivative = derivative.Span,
            InputGradient = inputGradient.Span,
            WeightGradient = spans.WeightGradient,
        };
        RunKernel(plan, route, turned, statistics, hasFixedStatistics);
        if (!spans.OutputDerivative.IsEmpty)
            Transposition.Run(derivative.Span, spans.OutputDerivative, n, width, height);
        if (!spans.InputGradient.IsEmpty)
            Transposition.Run(inputGradient.Span, spans.InputGradient, n, width, height);

        Scratch<T> Turned(ReadOnlySpan<T> source)
        {
            var scratch = new Scratch<T>(source.Length);
            if (!source.IsEmpty)
                Transposition.Run(source, scratch.Span, n, height, width);
            return scratch;
        }
    }

    private static void RunKernel<T>(
        in Plan plan, in Route route, in SecondOrderSpans<T> spans, Span<GroupStatistics> statistics, bool hasFixedStatistics)
        where T : unmanaged
    {
        using Scratch<T> pooled = new(route.Repetition > 1 ? 3 * route.Groups.Coefficients : 0);
        using Scratch<double> gradient = new(spans.WeightGradient.IsEmpty ? 0 : route.Groups.Coefficients);
        fixed (T* x = spans.Input, dy = spans.OutputGradient, v = spans.InputDirection)
        fixed (T* derivative = spans.OutputDerivative, dx = spans.InputGradient)
        fixed (T* weight = Repeat(spans.Weight, route, pooled.Span, 0))
        fixed (T* weightDirection = Repeat(spans.WeightDirection, route, pooled.Span, 1))
        fixed (T* biasDirection = Repeat(spans.BiasDirection, route, pooled.Span, 2))
        fixed (double* weightGradient = gradient.Span)
        fixed (GroupStatistics* ps = statistics)
        {
            KernelSet<T>.Active.SecondOrder(route.Groups, new()
            {
                Input = x,
                OutputGradient = dy,
                Weight = weight,
                InputDirection = v,
                WeightDirection = weightDirection,
                BiasDirection = biasDirection,
                Statistics = ps,
                OutputDerivative = derivative,
                InputGradient = dx,
                WeightGradient = weightGradient,
                HasFixedStatistics = hasFixedStatistics,
                IsCentered = plan.IsCentered,
            });
        }
        Launch.AddRepetitions(gradient.Span, (int)route.Repetition, spans.WeightGradient);
    }

    private static ReadOnlySpan<T> Repeat<T>(ReadOnlySpan<T> coefficients, in Route route, Span<T> pooled, int place) where T : unmanaged
    {
        if (coefficients.IsEmpty || route.Repetition == 1)
            return coefficients;
        int length = (int)route.Groups.Coefficients;
        return Launch.Repeat(coefficients, (int)route.Repetition, pooled.Slice(place * length, length));
    }
}
