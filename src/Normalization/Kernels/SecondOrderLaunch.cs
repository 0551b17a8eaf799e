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
        Plan kept = spans.HasCoefficients ? plan : plan with { Coefficients = CoefficientSharing.None };
        Route route = Dispatch.ChooseSecondOrder(kept);
        if (route.IsTransposed)
            RunTransposed(plan, route, spans, statistics, hasFixedStatistics);
        else
            RunKernel(plan, route, spans, statistics, hasFixedStatistics);
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

    private static void RunTransposed<T>(
        in Plan plan, in Route route, in SecondOrderSpans<T> spans, Span<GroupStatistics> statistics, bool hasFixedStatistics)
        where T : unmanaged
    {
        // The channels of a position become a row, and the samples of a channel become a slice.
        (nint n, nint height, nint width) = plan.Statistics == StatisticsSharing.Channel
            ? (1, plan.N, plan.C * plan.S)
            : (plan.N, plan.C, plan.S);
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
