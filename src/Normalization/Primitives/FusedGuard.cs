using Normalization.Kernels;
using Normalization.Kernels.Plans;

namespace Normalization;

/// <summary>Checks the terms of fused passes, before anything is written.</summary>
internal static class FusedGuard
{
    private const string SumName = "Sum", ResidualName = "Residual", SkipName = "Skip", ScaleName = "Scale", ShiftName = "Shift";

    /// <summary>The term of a forward pass as the kernels take them.</summary>
    public static FusedTerms<T> Fuse<T>(in ForwardTerms<T> terms, Activation activation) where T : unmanaged => new()
    {
        ActivationKind = Kind(activation),
        Skip = terms.Skip,
        Scale = terms.Scale,
        Shift = terms.Shift,
        ScaleOffset = terms.ScaleIncludesOne ? 0 : 1,
    };

    /// <summary>The terms of a pass with an activation alone.</summary>
    public static FusedTerms<T> Fuse<T>(Activation activation) where T : unmanaged =>
        new() { ActivationKind = Kind(activation), ScaleOffset = 1 };

    /// <summary>The terms of a backward pass as the kernels take them.</summary>
    public static FusedTerms<T> Fuse<T>(in BackwardTerms<T> terms, Activation activation) where T : unmanaged => new()
    {
        ActivationKind = Kind(activation),
        Skip = terms.Skip,
        Scale = terms.Scale,
        Shift = terms.Shift,
        ScaleOffset = terms.ScaleIncludesOne ? 0 : 1,
    };

    public static void Activation(Activation activation)
    {
        if (!Enum.IsDefined(activation))
            throw new ArgumentOutOfRangeException(nameof(activation), $"There is no activation {(int)activation}.");
    }

    /// <summary>Throws where each element has statistics of its own, with which nothing else is done in the same pass.</summary>
    public static void NoWindows(in Plan plan)
    {
        if (plan.Statistics == StatisticsSharing.Window)
        {
            throw new NotSupportedException(
                "A plan of windows takes no residual, skip, scale, shift or activation. Compute them before and behind it.");
        }
    }

    /// <summary>Throws unless the terms fit the input, and nothing that is written overlaps what is read later.</summary>
    public static void Forward<T>(
        in Plan plan, in ForwardTerms<T> terms, ReadOnlySpan<T> x, ReadOnlySpan<T> y, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias)
        where T : unmanaged
    {
        Guard.LengthOrEmpty(terms.Residual, x.Length, ResidualName, "the number of elements of the input");
        Guard.LengthOrEmpty<T>(terms.Sum, x.Length, SumName, "the number of elements of the input");
        if (terms.Residual.IsEmpty && !terms.Sum.IsEmpty)
            throw Guard.InputError("Sum is written only where there is a Residual; without one there is no sum.", SumName);
        GuardTerms(plan, terms.Skip, terms.Scale, terms.Shift);
        const string Output = "output";
        GivenPositions<T> positions = terms.Positions;
        positions.Check(plan);
        positions.GuardApart(y, Output);
        positions.GuardApart<T>(terms.Sum, SumName);
        Guard.SameOrApart(y, terms.Residual, Output, ResidualName);
        Guard.Apart(y, terms.Skip, Output, SkipName);
        Guard.Apart(y, terms.Scale, Output, ScaleName);
        Guard.Apart(y, terms.Shift, Output, ShiftName);
        Guard.SameOrApart<T>(terms.Sum, x, SumName, "the input");
        Guard.SameOrApart<T>(terms.Sum, terms.Residual, SumName, ResidualName);
        Guard.Apart<T, T>(terms.Sum, y, SumName, Output);
        Guard.Apart<T, T>(terms.Sum, weight, SumName, nameof(weight));
        Guard.Apart<T, T>(terms.Sum, bias, SumName, nameof(bias));
        Guard.Apart<T, T>(terms.Sum, terms.Skip, SumName, SkipName);
        Guard.Apart<T, T>(terms.Sum, terms.Scale, SumName, ScaleName);
        Guard.Apart<T, T>(terms.Sum, terms.Shift, SumName, ShiftName);
    }

    /// <summary>Throws unless the terms fit the input, and nothing that is written overlaps anything else.</summary>
    public static void Backward<T>(
        in Plan plan,
        in BackwardTerms<T> terms,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> dx,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        ReadOnlySpan<T> weightGradient,
        ReadOnlySpan<T> biasGradient)
        where T : unmanaged
    {
        const string InputGradient = "inputGradient", Sum = "SumGradient", Skip = "SkipGradient";
        GuardTerms(plan, terms.Skip, terms.Scale, terms.Shift);
        terms.Positions.Check(plan);
        Guard.LengthOrEmpty(terms.SumGradient, x.Length, Sum, "the number of elements of the input");
        Guard.LengthOrEmpty<T>(terms.SkipGradient, x.Length, Skip, "the number of elements of the input");
        Guard.LengthOrEmpty<T>(terms.ScaleGradient, terms.Scale.Length, "ScaleGradient", "the number of elements of Scale");
        Guard.LengthOrEmpty<T>(terms.ShiftGradient, terms.Shift.Length, "ShiftGradient", "the number of elements of Shift");
        Guard.SameOrApart(dx, terms.SumGradient, InputGradient, Sum);
        Guard.Apart(dx, terms.Skip, InputGradient, SkipName);
        Guard.Apart(dx, terms.Scale, InputGradient, ScaleName);
        Guard.Apart(dx, terms.Shift, InputGradient, ShiftName);
        Guard.Apart(dx, bias, InputGradient, nameof(bias));
        terms.Positions.GuardApart(dx, InputGradient);
        Guard.Apart(weightGradient, terms.SumGradient, nameof(weightGradient), Sum);
        Guard.Apart(biasGradient, terms.SumGradient, nameof(biasGradient), Sum);
        GuardTermsApart(weightGradient, nameof(weightGradient), terms);
        GuardTermsApart(biasGradient, nameof(biasGradient), terms);
        Guard.SameOrApart<T>(terms.SkipGradient, dy, Skip, "outputGradient");
        GuardGradient(terms.SkipGradient, Skip, terms, x, dx, weight, bias, weightGradient, biasGradient);
        GuardGradient(terms.ScaleGradient, "ScaleGradient", terms, x, dx, weight, bias, weightGradient, biasGradient);
        GuardGradient(terms.ShiftGradient, "ShiftGradient", terms, x, dx, weight, bias, weightGradient, biasGradient);
        Guard.Apart<T, T>(terms.ScaleGradient, dy, "ScaleGradient", "outputGradient");
        Guard.Apart<T, T>(terms.ShiftGradient, dy, "ShiftGradient", "outputGradient");
        Guard.Apart<T, T>(terms.SkipGradient, terms.ScaleGradient, Skip, "ScaleGradient");
        Guard.Apart<T, T>(terms.SkipGradient, terms.ShiftGradient, Skip, "ShiftGradient");
        Guard.Apart<T, T>(terms.ScaleGradient, terms.ShiftGradient, "ScaleGradient", "ShiftGradient");
    }

    private static void GuardTerms<T>(in Plan plan, ReadOnlySpan<T> skip, ReadOnlySpan<T> scale, ReadOnlySpan<T> shift) where T : unmanaged
    {
        Guard.LengthOrEmpty(skip, plan.Elements, SkipName, "the number of elements of the output");
        if (!scale.IsEmpty && !shift.IsEmpty)
            Guard.SameLength(shift, scale, ShiftName, ScaleName);
        GuardCoefficients(plan, scale, ScaleName);
        GuardCoefficients(plan, shift, ShiftName);
    }

    private static void GuardCoefficients<T>(in Plan plan, ReadOnlySpan<T> coefficients, string name) where T : unmanaged
    {
        if (coefficients.IsEmpty)
            return;
        if (plan.Order != MemoryOrder.Rows)
        {
            Guard.Length(coefficients, (long)plan.N * plan.C, name, "one for each sample and channel");
            return;
        }
        nint samples = plan.S == 0 ? 0 : coefficients.Length / plan.S;
        if (samples == 0 || coefficients.Length % plan.S != 0 || plan.N % samples != 0)
        {
            throw new ArgumentException(
                $"{name} must be [samples, {plan.S}] for {plan.N} rows that the samples share equally, got {coefficients.Length} elements.",
                name);
        }
    }

    private static void GuardGradient<T>(
        ReadOnlySpan<T> written,
        string name,
        in BackwardTerms<T> terms,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dx,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        ReadOnlySpan<T> weightGradient,
        ReadOnlySpan<T> biasGradient)
        where T : unmanaged
    {
        Guard.Apart(written, x, name, "the input");
        Guard.Apart(written, dx, name, "inputGradient");
        Guard.Apart(written, weight, name, nameof(weight));
        Guard.Apart(written, bias, name, nameof(bias));
        Guard.Apart(written, weightGradient, name, nameof(weightGradient));
        Guard.Apart(written, biasGradient, name, nameof(biasGradient));
        Guard.Apart(written, terms.SumGradient, name, "SumGradient");
        GuardTermsApart(written, name, terms);
    }

    private static void GuardTermsApart<T>(ReadOnlySpan<T> written, string name, in BackwardTerms<T> terms) where T : unmanaged
    {
        Guard.Apart(written, terms.Skip, name, SkipName);
        Guard.Apart(written, terms.Scale, name, ScaleName);
        Guard.Apart(written, terms.Shift, name, ShiftName);
        terms.Positions.GuardApart(written, name);
    }

    private static ActivationKind Kind(Activation activation) => (ActivationKind)activation;
}
