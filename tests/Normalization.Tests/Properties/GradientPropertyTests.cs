using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>What the gradients must be for every shape, from the shape of the formula alone.</summary>
public sealed class GradientPropertyTests
{
    [Fact]
    public void The_input_gradient_of_a_group_sums_to_zero() => Property.Holds(
        Property.Centered,
        static item =>
        {
            Sample<double> sample = new Sample<double>(item).Run();
            return GroupSums(sample, static (gradient, _) => gradient).All(static sum => Math.Abs(sum.Value) <= 1e-13 * sum.Size);
        });

    [Fact]
    public void The_input_gradient_of_a_group_is_orthogonal_to_its_normalized_input() => Property.Holds(
        Property.Cases,
        static item =>
        {
            Sample<double> sample = new Sample<double>(item with { Affine = false, Epsilon = 0 }).Run();
            return GroupSums(sample, static (gradient, output) => gradient * output).All(static sum => Math.Abs(sum.Value) <= 1e-12 * sum.Size);
        });

    [Fact]
    public void Epsilon_leaves_its_share_of_the_gradient_along_the_normalized_input() => Property.Holds(
        Property.Cases,
        static item =>
        {
            const double epsilon = 0.5;
            Sample<double> sample = new Sample<double>(item with { Affine = false, Epsilon = epsilon }).Run();
            (double Value, double Size)[] left = GroupSums(sample, static (gradient, output) => gradient * output);
            double[] along = new double[left.Length];
            for (int i = 0; i < item.Length; i++)
                along[item.GroupOf(i, hasFixedStatistics: false)] += sample.OutputGradient.Span[i] * sample.Output.Span[i];
            // m(x̂²) = 1 - ε·r², so r·(1 - m(x̂²)) = ε·r³ is what is left of Σ dy·x̂.
            return Enumerable.Range(0, left.Length).All(g =>
                Math.Abs(left[g].Value - (epsilon * Math.Pow(sample.Context.GetInverseStandardDeviation(g), 3) * along[g])) <= 1e-12 * left[g].Size);
        });

    [Fact]
    public void A_power_of_two_in_the_output_gradient_is_a_power_of_two_in_every_gradient() => Property.Holds(
        from item in Property.Cases from power in Gen.Choose(-20, 20) select (item, power),
        static drawn =>
        {
            Sample<float> sample = new Sample<float>(drawn.item).Run(), scaled = new(drawn.item);
            Scale(scaled.OutputGradient, drawn.power);
            scaled.Run();
            return Gradients(scaled).Zip(Gradients(sample)).All(pair => pair.First == float.ScaleB(pair.Second, drawn.power));
        });

    [Fact]
    public void A_power_of_two_in_the_input_is_its_reciprocal_in_the_input_gradient() => Property.Holds(
        from item in Property.Cases from power in Gen.Choose(-20, 20) select (item, power),
        static drawn =>
        {
            Sample<float> sample = new Sample<float>(drawn.item).Run();
            Sample<float> scaled = new(drawn.item with { Epsilon = double.ScaleB(drawn.item.Epsilon, 2 * drawn.power) });
            Scale(scaled.Input, drawn.power);
            scaled.Run();
            return Enumerable.Range(0, drawn.item.Length).All(i => scaled.InputGradient.Span[i] == float.ScaleB(sample.InputGradient.Span[i], -drawn.power));
        });

    [Fact]
    public void The_gradients_of_a_sum_are_the_sum_of_the_gradients() => Property.Holds(
        Property.Cases,
        static item =>
        {
            Sample<double> first = new Sample<double>(item).Run(), second = new(item), both = new(item);
            Sample<double>.Normal(item.Shape, 77, 0, 3).CopyTo(second.OutputGradient);
            for (int i = 0; i < item.Length; i++)
                both.OutputGradient.Span[i] = first.OutputGradient.Span[i] + second.OutputGradient.Span[i];
            double[] expected = [.. Gradients(first).Zip(Gradients(second.Run()), static (left, right) => left + right)];
            return Values.Distance(Gradients(both.Run()), expected) < 1e-12;
        });

    [Fact]
    public void The_way_backward_of_a_plain_layer_is_its_own_adjoint() => Property.Holds(
        Property.Cases,
        static item =>
        {
            Sample<double> first = new Sample<double>(item with { Affine = false }).Run(), second = new(item with { Affine = false });
            Sample<double>.Normal(item.Shape, 78, 0.1, 1).CopyTo(second.OutputGradient);
            second.Run();
            double left = 0, right = 0, size = 0;
            for (int i = 0; i < item.Length; i++)
            {
                left += first.InputGradient.Span[i] * second.OutputGradient.Span[i];
                right += first.OutputGradient.Span[i] * second.InputGradient.Span[i];
                size += Math.Abs(first.InputGradient.Span[i] * second.OutputGradient.Span[i]);
            }
            return Math.Abs(left - right) <= 1e-12 * size;
        });

    [Fact]
    public void The_input_gradient_gives_the_slope_of_the_loss_in_any_direction() => Property.Holds(
        Property.Cases,
        static item =>
        {
            const double step = 1e-5;
            Sample<double> sample = new Sample<double>(item).Run();
            Tensor<double> direction = Sample<double>.Normal(item.Shape, 79, 0, 1);
            double expected = 0, size = 0;
            for (int i = 0; i < item.Length; i++)
            {
                expected += sample.InputGradient.Span[i] * direction.Span[i];
                size += Math.Abs(sample.InputGradient.Span[i] * direction.Span[i]);
            }
            return Math.Abs(((Loss(step) - Loss(-step)) / (2 * step)) - expected) <= 1e-6 * size;

            double Loss(double distance)
            {
                Tensor<double> moved = sample.Input.Clone();
                for (int i = 0; i < moved.Length; i++)
                    moved.Span[i] += distance * direction.Span[i];
                Tensor<double> output = sample.Layer.Forward(moved);
                double loss = 0;
                for (int i = 0; i < output.Length; i++)
                    loss += output.Span[i] * sample.OutputGradient.Span[i];
                return loss;
            }
        });

    [Fact]
    public void A_second_way_backward_doubles_the_gradients_of_the_parameters_and_repeats_that_of_the_input() => Property.Holds(
        Property.Cases,
        static item =>
        {
            Sample<float> once = new Sample<float>(item with { Track = false }).Run(), twice = new Sample<float>(item with { Track = false }).Run();
            twice.Layer.Backward(twice.OutputGradient, twice.InputGradient, twice.Context);
            return Values.Bits(twice.InputGradient).SequenceEqual(Values.Bits(once.InputGradient))
                && twice.Layer.Parameters.Zip(once.Layer.Parameters).All(static pair =>
                    Enumerable.Range(0, pair.First.Gradient.Length).All(i => pair.First.Gradient.Span[i] == 2 * pair.Second.Gradient.Span[i]));
        });

    [Fact]
    public void The_gradients_of_the_parameters_are_sums_over_the_elements_that_share_them() => Property.Holds(
        Property.Cases,
        static item =>
        {
            Sample<double> sample = new Sample<double>(item with { Affine = true }).Run();
            Tensor<double> plain = new Sample<double>(item with { Affine = false }).Layer.Forward(sample.Input);
            double[] weight = new double[item.Coefficients], bias = new double[item.Coefficients];
            for (int i = 0; i < item.Length; i++)
            {
                weight[item.CoefficientOf(i)] += sample.OutputGradient.Span[i] * plain.Span[i];
                bias[item.CoefficientOf(i)] += sample.OutputGradient.Span[i];
            }
            return Values.Distance(sample.Layer.Weight!.Gradient.Span, weight) < 1e-12
                && (sample.Layer.Bias is null || Values.Distance(sample.Layer.Bias.Gradient.Span, bias) < 1e-12);
        });

    [Fact]
    public void The_bias_leaves_every_gradient_alone() => Property.Holds(
        Property.Centered,
        static item =>
        {
            Sample<float> sample = new Sample<float>(item with { Affine = true }).Run(), shifted = new(item with { Affine = true });
            foreach (ref float value in shifted.Layer.Bias!.Value.Span)
                value += 100;
            return Gradients(shifted.Run()).SequenceEqual(Gradients(sample));
        });

    [Fact]
    public void Twice_the_weight_is_twice_the_input_gradient_and_the_same_weight_gradient() => Property.Holds(
        Property.Cases,
        static item =>
        {
            Sample<float> sample = new Sample<float>(item with { Affine = true }).Run(), doubled = new(item with { Affine = true });
            foreach (ref float value in doubled.Layer.Weight!.Value.Span)
                value *= 2;
            doubled.Run();
            return Values.Bits(doubled.Layer.Weight.Gradient).SequenceEqual(Values.Bits(sample.Layer.Weight!.Gradient))
                && Enumerable.Range(0, item.Length).All(i => doubled.InputGradient.Span[i] == 2 * sample.InputGradient.Span[i]);
        });

    [Fact]
    public void A_shift_of_the_input_leaves_a_centered_layers_gradients() => Property.Holds(
        Property.Centered,
        static item =>
        {
            Sample<double> sample = new Sample<double>(item).Run(), shifted = new(item);
            foreach (ref double value in shifted.Input.Span)
                value += 64;
            return Values.Distance(Gradients(shifted.Run()), Gradients(sample)) < 1e-12;
        });

    [Fact]
    public void Fixed_statistics_make_the_input_gradient_a_multiple_of_the_output_gradient() => Property.Holds(
        Property.Tracking,
        static item =>
        {
            Sample<double> sample = new Sample<double>(item).Run(isTraining: false);
            double[] expected = new double[item.Length];
            for (int i = 0; i < expected.Length; i++)
            {
                int channel = item.CoefficientOf(i);
                double weight = sample.Layer.Weight?.Value.Span[channel] ?? 1;
                expected[i] = sample.OutputGradient.Span[i] * weight / Math.Sqrt(sample.Running!.RunningVariance!.Span[channel] + item.Epsilon);
            }
            return Values.Distance(sample.InputGradient.Span, expected) < 1e-15;
        });

    private static T[] Gradients<T>(Sample<T> sample) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> =>
        [.. sample.InputGradient.Span, .. sample.Layer.Parameters.SelectMany(static parameter => parameter.Gradient.Span.ToArray())];

    private static void Scale(Tensor<float> tensor, int power)
    {
        foreach (ref float value in tensor.Span)
            value = float.ScaleB(value, power);
    }

    /// <summary>The sum of a term of input gradient and output over each group, and the sum that the output gradient alone would give.</summary>
    private static (double Value, double Size)[] GroupSums(Sample<double> sample, Func<double, double, double> term)
    {
        var sums = new (double Value, double Size)[sample.Case.GroupCount(hasFixedStatistics: false)];
        for (int i = 0; i < sample.Case.Length; i++)
        {
            ref (double Value, double Size) sum = ref sums[sample.Case.GroupOf(i, hasFixedStatistics: false)];
            double weight = sample.Layer.Weight?.Value.Span[sample.Case.CoefficientOf(i)] ?? 1;
            int group = sample.Case.GroupOf(i, hasFixedStatistics: false);
            sum.Value += term(sample.InputGradient.Span[i], sample.Output.Span[i]);
            sum.Size += Math.Abs(sample.OutputGradient.Span[i] * weight * sample.Context.GetInverseStandardDeviation(group));
        }
        return sums;
    }
}
