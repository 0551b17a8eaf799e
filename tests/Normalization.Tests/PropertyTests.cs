using FsCheck;
using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>Shapes that nobody thought of: random ones, the same in every run.</summary>
public sealed class PropertyTests
{
    private const int Shapes = 400;

    private static readonly Gen<Case> _cases =
        from kind in Gen.Elements(Enum.GetValues<Kind>())
        from n in Gen.Choose(1, 9)
        from groups in Gen.Choose(1, 4)
        from perGroup in Gen.Choose(1, 9)
        from s in Gen.Choose(2, 140)
        from affine in Gen.Elements(true, false)
        from track in Gen.Elements(true, false)
        let c = groups * perGroup
        select new Case(kind, kind is Kind.Layer or Kind.Rms ? [n, c * s] : [n, c, s]) { Groups = groups, Affine = affine, Track = track };

    [Fact]
    public void Every_shape_gives_the_formula() => Check(static item =>
    {
        Sample<double> sample = new Sample<double>(item).Run();
        var reference = Reference.Of(sample);
        (double[] input, double[] weight, double[] bias) = reference.Gradients(sample.OutputGradient.Span.ToArray());
        return Values.Distance(sample.Output.Span, reference.Output) < 1e-13
            && Values.Distance(sample.InputGradient.Span, input, reference.LargestTerm / 100) < 1e-13
            && Values.Distance(Values.Doubles(sample.Layer.Weight?.Gradient), weight) < 1e-12
            && Values.Distance(Values.Doubles(sample.Layer.Bias?.Gradient), bias) < 1e-12;
    });

    [Fact]
    public void Every_shape_gives_the_formula_in_floats() => Check(static item =>
    {
        Sample<float> sample = new Sample<float>(item).Run();
        var reference = Reference.Of(sample);
        (double[] input, _, _) = reference.Gradients(Values.Doubles(sample.OutputGradient));
        return Values.Distance(Values.Doubles(sample.Output), reference.Output, i => Values.FloatUlp(reference.Scale[i])) <= 3
            && Values.Distance(Values.Doubles(sample.InputGradient), input, reference.LargestTerm / 100) < 2e-7;
    });

    [Fact]
    public void A_shift_and_a_scale_of_the_input_leave_a_centred_output() => Check(static item =>
    {
        if (item.Kind == Kind.Rms)
            return true;
        var sample = new Sample<double>(item with { Epsilon = 0 });
        Tensor<double> expected = sample.Layer.Forward(sample.Input);
        foreach (ref double value in sample.Input.Span)
            value = (8 * value) + 100;
        return Values.Distance(sample.Layer.Forward(sample.Input).Span, expected.Span) < 1e-12;
    });

    private static void Check(Func<Case, bool> property) =>
        Prop.ForAll(_cases.ToArbitrary(), property).Check(Config.QuickThrowOnFailure.WithMaxTest(Shapes).WithReplay(2024, 7));
}
