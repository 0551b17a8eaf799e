using Normalization.Kernels.Families;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;

namespace Normalization.Kernels;

/// <content>From spans to kernels.</content>
internal static unsafe partial class FusedLaunch
{
    /// <summary>first + second, elementwise.</summary>
    public static void Add<T>(ReadOnlySpan<T> first, ReadOnlySpan<T> second, Span<T> sum) where T : unmanaged
    {
        fixed (T* a = first, b = second, y = sum)
        {
            KernelSet<T>.Active.Epilogue(new()
            {
                Layout = EpilogueLayout.Flat(first.Length),
                Input = a,
                Skip = b,
                Output = y,
            });
        }
    }

    /// <summary>What follows the norm, whose result is <paramref name="n"/>.</summary>
    public static void Epilogue<T>(in Plan plan, ReadOnlySpan<T> n, in FusedTerms<T> terms, Span<T> y) where T : unmanaged
    {
        fixed (T* pn = n, py = y, skip = terms.Skip, scale = terms.Scale, shift = terms.Shift)
        {
            KernelSet<T>.Active.Epilogue(new()
            {
                Layout = terms.Layout(plan),
                ActivationKind = terms.ActivationKind,
                Input = pn,
                Skip = skip,
                Scale = scale,
                Shift = shift,
                ScaleOffset = terms.ScaleOffset,
                Output = py,
            });
        }
    }

    /// <summary>
    /// Normalizes with all terms in the pass of the norm, or gives the gradient that goes back through an activation and a skip where there
    /// is one of the output.
    /// </summary>
    private static void Normalize<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> residual,
        Span<T> sum,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        in FusedTerms<T> terms,
        Span<T> y)
        where T : unmanaged
    {
        bool areChannels = hasFixedStatistics && plan.Statistics == StatisticsSharing.Channel;
        using var coefficients = new Launch.Coefficients<T>(
            plan, Direction.Forward, areChannels, weight, bias, out Route route, terms.IsModulated);
        fixed (T* px = x, pdy = dy, py = y, pw = coefficients.Weight, pb = coefficients.Bias, skip = terms.Skip)
        fixed (T* pr = residual, psum = sum, scale = terms.Scale, shift = terms.Shift)
        fixed (GroupStatistics* ps = statistics)
        {
            Modulation<T> modulation = new(scale, shift, terms.ScaleOffset, terms.SamplesAtOnce(plan));
            ForwardOperands<T> operands = new()
            {
                Input = px,
                Output = py,
                Weight = pw,
                Bias = pb,
                Statistics = ps,
                Epsilon = epsilon,
                Modulation = terms.IsModulated ? &modulation : null,
                HasFixedStatistics = hasFixedStatistics,
                IsCentered = plan.IsCentered,
            };
            EpilogueOperands<T> epilogue = new()
            {
                ActivationKind = terms.ActivationKind,
                Residual = pr,
                Sum = psum,
                Skip = skip,
                OutputGradient = pdy,
            };
            KernelSet<T>.Active.Forward(route, operands, epilogue);
        }
    }

    private static void EpilogueBackward<T>(
        in Plan plan, ReadOnlySpan<T> n, ReadOnlySpan<T> dy, in FusedTerms<T> terms, in FusedGradients<T> gradients, Span<T> gradient)
        where T : unmanaged
    {
        fixed (T* pn = n, pdy = dy, pdn = gradient, skip = terms.Skip, scale = terms.Scale, shift = terms.Shift)
        fixed (T* skipGradient = gradients.Skip, scaleGradient = gradients.Scale, shiftGradient = gradients.Shift)
        {
            KernelSet<T>.Active.EpilogueBackward(new()
            {
                Layout = terms.Layout(plan),
                ActivationKind = terms.ActivationKind,
                Input = pn,
                Skip = skip,
                Scale = scale,
                Shift = shift,
                ScaleOffset = terms.ScaleOffset,
                OutputGradient = pdy,
                InputGradient = pdn,
                SkipGradient = skipGradient,
                ScaleGradient = scaleGradient,
                ShiftGradient = shiftGradient,
            });
        }
    }
}
