using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>What fused passes must be for every shape, activation and set of terms.</summary>
public sealed class FusedPropertyTests
{
    private static readonly FsCheck.Gen<(Case Item, Terms Terms, bool IsTraining)> _drawn =
        from item in Property.Cases
        from activation in Gen.Elements(Activation.None, Activation.Silu, Activation.Gelu, Activation.GeluTanh)
        from terms in Gen.Choose(0, 31)
        from isTraining in Gen.Elements(true, false)
        select (item with { Activation = activation }, (Terms)terms, isTraining);

    [Fact]
    public void The_gradients_give_the_slope_of_the_loss_in_any_direction() => Property.Holds(
        _drawn,
        static drawn =>
        {
            const double step = 1e-5;
            FusedSample<double> sample = new FusedSample<double>(drawn.Item, drawn.Terms).Run(drawn.IsTraining);
            (Tensor<double>? Value, Tensor<double>? Gradient)[] variables =
            [
                (sample.Layer.Input, sample.Layer.InputGradient), (sample.Residual, sample.Residual is null ? null : sample.Layer.InputGradient),
                (sample.Skip, sample.SkipGradient), (sample.Scale, sample.ScaleGradient), (sample.Shift, sample.ShiftGradient),
            ];
            Tensor<double>?[] directions = [.. variables.Select(static (variable, i) =>
                variable.Value is null ? null : Sample<double>.Normal(variable.Value.Shape.ToArray(), 80 + i, 0, 1))];
            double expected = 0, size = 0;
            foreach (((Tensor<double>? _, Tensor<double>? gradient), Tensor<double>? direction) in variables.Zip(directions))
            {
                for (int i = 0; i < direction?.Length; i++)
                {
                    expected += gradient!.Span[i] * direction.Span[i];
                    size += Math.Abs(gradient.Span[i] * direction.Span[i]);
                }
            }
            double slope = (Loss(step) - Loss(-step)) / (2 * step);
            return Math.Abs(slope - expected) <= 1e-6 * (size + 1);

            double Loss(double distance)
            {
                FusedSample<double> moved = new(drawn.Item, drawn.Terms);
                Tensor<double>?[] values = [moved.Layer.Input, moved.Residual, moved.Skip, moved.Scale, moved.Shift];
                for (int variable = 0; variable < values.Length; variable++)
                {
                    for (int i = 0; i < values[variable]?.Length; i++)
                        values[variable]!.Span[i] += distance * directions[variable]!.Span[i];
                }
                moved.Layer.Layer.Train(drawn.IsTraining);
                moved.Layer.Layer.Forward(moved.Layer.Input, moved.Layer.Output, moved.Forward);
                double loss = 0;
                for (int i = 0; i < moved.Layer.Output.Length; i++)
                {
                    loss += moved.Layer.Output.Span[i] * sample.Layer.OutputGradient.Span[i];
                    loss += moved.Sum is null ? 0 : moved.Sum.Span[i] * sample.SumGradient!.Span[i];
                }
                return loss;
            }
        });

    [Fact]
    public void A_fused_pass_has_the_bits_of_its_steps() => Property.Holds(
        _drawn,
        static drawn =>
        {
            var sample = new FusedSample<float>(drawn.Item, drawn.Terms);
            FusedSample<float>.Composed composed = sample.Compose(drawn.IsTraining);
            sample.Run(drawn.IsTraining);
            return sample.Layer.Output.Span.SequenceEqual(composed.Output)
                && sample.Layer.InputGradient.Span.SequenceEqual(sample.Plain.InputGradient.Span);
        });

    [Fact]
    public void A_relu_lets_through_what_is_positive_and_nothing_else() => Property.Holds(
        Property.Cases,
        static item =>
        {
            Sample<float> plain = new Sample<float>(item).Run(), relu = new Sample<float>(item with { Activation = Activation.Relu }).Run();
            return Enumerable.Range(0, item.Length).All(i => relu.Output.Span[i] == Math.Max(0, plain.Output.Span[i]));
        });
}
