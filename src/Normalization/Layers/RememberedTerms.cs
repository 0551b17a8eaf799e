using System.Numerics;

namespace Normalization;

/// <summary>
/// What a context remembers of the terms of a forward pass. Tensors are remembered by reference; of spans, which cannot be, it remembers
/// that they were there.
/// </summary>
internal readonly record struct RememberedTerms<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public RememberedTerms(in ForwardOptions<T> options)
    {
        (Scale, Shift, Skip, ScaleIncludesOne) = (options.Scale, options.Shift, options.Skip, options.ScaleIncludesOne);
        (HasScale, HasShift, HasSkip) = (Scale is not null, Shift is not null, Skip is not null);
        HasPositions = options.Weights is not null || options.Lengths.Length + options.Mask.Length > 0;
    }

    public RememberedTerms(scoped in ForwardTerms<T> terms)
    {
        ScaleIncludesOne = terms.ScaleIncludesOne;
        (HasScale, HasShift, HasSkip) = (!terms.Scale.IsEmpty, !terms.Shift.IsEmpty, !terms.Skip.IsEmpty);
        HasPositions = terms.HasPositions;
    }

    public Tensor<T>? Scale { get; }

    public Tensor<T>? Shift { get; }

    public Tensor<T>? Skip { get; }

    public bool ScaleIncludesOne { get; }

    /// <summary>Gets a value indicating whether the pass had any term behind the norm.</summary>
    public bool IsAny => HasScale || HasShift || HasSkip;

    private bool HasScale { get; }

    private bool HasShift { get; }

    private bool HasSkip { get; }

    private bool HasPositions { get; }

    /// <summary>The terms of the backward pass of a forward pass on tensors.</summary>
    public BackwardTerms<T> With(scoped in BackwardOptions<T> options)
    {
        GuardGradients(options.ScaleGradient is not null, options.ShiftGradient is not null, options.SkipGradient is not null);
        return new()
        {
            Scale = SpanOf(Scale),
            Shift = SpanOf(Shift),
            ScaleIncludesOne = ScaleIncludesOne,
            Skip = SpanOf(Skip),
            SumGradient = SpanOf(options.SumGradient),
            ScaleGradient = SpanOf(options.ScaleGradient),
            ShiftGradient = SpanOf(options.ShiftGradient),
            SkipGradient = SpanOf(options.SkipGradient),
        };
    }

    /// <summary>Throws unless a backward pass on spans has the terms of its forward pass.</summary>
    public void Guard(scoped in BackwardTerms<T> terms)
    {
        GuardSame(HasScale, !terms.Scale.IsEmpty, nameof(Scale));
        GuardSame(HasShift, !terms.Shift.IsEmpty, nameof(Shift));
        GuardSame(HasSkip, !terms.Skip.IsEmpty, nameof(Skip));
        if (HasScale && terms.ScaleIncludesOne != ScaleIncludesOne)
            throw new ArgumentException($"ScaleIncludesOne was {ScaleIncludesOne} in the forward pass.", nameof(terms));
        if (terms.HasPositions)
        {
            throw new ArgumentException(
                "The context remembers which positions were valid in the forward pass. Pass no Lengths, Mask or Weights to Backward.",
                nameof(terms));
        }
        GuardGradients(!terms.ScaleGradient.IsEmpty, !terms.ShiftGradient.IsEmpty, !terms.SkipGradient.IsEmpty);
    }

    /// <summary>Throws unless a pass that repeats the remembered one has the same terms.</summary>
    public void Guard(scoped in ForwardTerms<T> terms)
    {
        GuardSame(HasScale, !terms.Scale.IsEmpty, nameof(Scale), "Pass the same values to the repeated pass.");
        GuardSame(HasShift, !terms.Shift.IsEmpty, nameof(Shift), "Pass the same values to the repeated pass.");
        GuardSame(HasSkip, !terms.Skip.IsEmpty, nameof(Skip), "Pass the same values to the repeated pass.");
        GuardSame(HasPositions, terms.HasPositions, "Lengths, Mask or Weights", "Pass the same values to the repeated pass.");
        if (!terms.Residual.IsEmpty)
        {
            throw Normalization.Guard.InputError(
                "A repeated pass begins with the sum: pass the sum as the input, and no Residual.", nameof(terms.Residual));
        }
    }

    internal static Span<T> SpanOf(Tensor<T>? tensor) => tensor is null ? default : tensor.Span;

    private void GuardGradients(bool scale, bool shift, bool skip)
    {
        GuardWanted(HasScale, scale, nameof(Scale));
        GuardWanted(HasShift, shift, nameof(Shift));
        GuardWanted(HasSkip, skip, nameof(Skip));
    }

    private static void GuardWanted(bool isThere, bool isWanted, string name)
    {
        if (isWanted && !isThere)
            throw new ArgumentException($"The forward pass had no {name}, which could have a gradient.", $"{name}Gradient");
    }

    private static void GuardSame(
        bool wasThere, bool isThere, string name, string advice = "Pass the same values to Backward, in BackwardTerms.")
    {
        if (wasThere != isThere)
        {
            throw new ArgumentException(
                wasThere
                    ? $"The forward pass had {name}. {advice}"
                    : $"The forward pass had no {name}, and this pass has one.",
                name);
        }
    }
}
