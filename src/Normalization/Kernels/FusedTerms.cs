using Normalization.Kernels.Plans;

namespace Normalization.Kernels;

/// <summary>What follows the norm: y = activation(n · (scale + offset) + shift + skip). Empty spans mean: not there.</summary>
internal readonly ref struct FusedTerms<T> where T : unmanaged
{
    public ActivationKind ActivationKind { get; init; }

    public ReadOnlySpan<T> Skip { get; init; }

    public ReadOnlySpan<T> Scale { get; init; }

    public ReadOnlySpan<T> Shift { get; init; }

    /// <summary>Added to each scale: 1 or 0.</summary>
    public double ScaleOffset { get; init; }

    public bool IsModulated => !Scale.IsEmpty || !Shift.IsEmpty;

    /// <summary>Whether there is anything to do behind the norm.</summary>
    public bool IsAny => ActivationKind != ActivationKind.None || !Skip.IsEmpty || IsModulated;

    /// <summary>Whether an activation, or nothing, is all that there is to do behind the norm.</summary>
    public bool IsOnlyActivation => Skip.IsEmpty && !IsModulated;

    /// <summary>Whether the gradient changes on its way back to the norm.</summary>
    public bool ChangesGradient => ActivationKind != ActivationKind.None || IsModulated;

    /// <summary>Whether the passes of the norm itself can do all this. A pass on transposed elements cannot.</summary>
    public bool FitsNorm(in Plan plan) =>
        !IsModulated && plan.Statistics != StatisticsSharing.Position;

    /// <summary>Whether the forward pass can: that of rows takes their scales and shifts too.</summary>
    public bool FitsForward(in Plan plan) => plan.Order == MemoryOrder.Rows || FitsNorm(plan);

    /// <summary>How many of the plan's samples or rows share a scale and a shift.</summary>
    public nint SamplesAtOnce(in Plan plan) =>
        plan.Order == MemoryOrder.Rows && IsModulated ? Math.Max(1, plan.N / Math.Max(1, BlocksOf(plan))) : 1;

    /// <summary>The terms of some samples, or rows, of a plan.</summary>
    public FusedTerms<T> Part(in Plan plan, nint first, nint count)
    {
        nint elements = plan.C * plan.S, coefficients = plan.Order == MemoryOrder.Rows ? plan.S : plan.C, atOnce = SamplesAtOnce(plan);
        return new()
        {
            ActivationKind = ActivationKind,
            ScaleOffset = ScaleOffset,
            Skip = PartOf(Skip, first * elements, count * elements),
            Scale = PartOf(Scale, first / atOnce * coefficients, count / atOnce * coefficients),
            Shift = PartOf(Shift, first / atOnce * coefficients, count / atOnce * coefficients),
        };
    }

    public EpilogueLayout Layout(in Plan plan) =>
        !IsModulated ? EpilogueLayout.Flat((nint)plan.Elements)
        : plan.Order == MemoryOrder.Rows ? EpilogueLayout.Samples(BlocksOf(plan), plan.N, plan.S)
        : plan.Order == MemoryOrder.ChannelsLast ? EpilogueLayout.Samples(plan.N, plan.N * plan.S, plan.C)
        : EpilogueLayout.Channels(plan.N, plan.C, plan.S);

    private nint BlocksOf(in Plan plan) => Math.Max(Scale.Length, Shift.Length) / Math.Max(1, plan.S);

    private static ReadOnlySpan<T> PartOf(ReadOnlySpan<T> span, nint first, nint count) =>
        span.IsEmpty ? span : span.Slice((int)first, (int)count);
}

/// <summary>Where the gradients of what follows the norm go, all of which are overwritten. Empty spans mean: not wanted.</summary>
internal readonly ref struct FusedGradients<T> where T : unmanaged
{
    public Span<T> Skip { get; init; }

    public Span<T> Scale { get; init; }

    public Span<T> Shift { get; init; }

    public bool IsAny => !(Skip.IsEmpty && Scale.IsEmpty && Shift.IsEmpty);

    /// <summary>The gradients of some samples, or rows, of a plan.</summary>
    public FusedGradients<T> Part(in Plan plan, nint samplesAtOnce, nint first, nint count)
    {
        nint elements = plan.C * plan.S, coefficients = plan.Order == MemoryOrder.Rows ? plan.S : plan.C;
        return new()
        {
            Skip = PartOf(Skip, first * elements, count * elements),
            Scale = PartOf(Scale, first / samplesAtOnce * coefficients, count / samplesAtOnce * coefficients),
            Shift = PartOf(Shift, first / samplesAtOnce * coefficients, count / samplesAtOnce * coefficients),
        };
    }

    private static Span<T> PartOf(Span<T> span, nint first, nint count) => span.IsEmpty ? span : span.Slice((int)first, (int)count);
}
