using System.Numerics;
using MathNet.Numerics.Differentiation;

namespace Normalization.Tests;

public sealed class GradientTests
{
    public static TheoryData<string> All => Cases.All();

    public static TheoryData<string> Evaluation => Cases.Evaluation();

    public static TheoryData<string> Small => Cases.Small();

    [Theory]
    [MemberData(nameof(Small))]
    public void Training_gradients_are_the_numerical_derivatives(string name) => CompareToNumericalDerivatives(name, isTraining: true);

    [Theory]
    [MemberData(nameof(Small))]
    public void Evaluation_gradients_are_the_numerical_derivatives(string name) => CompareToNumericalDerivatives(name, isTraining: false);

    [Theory]
    [MemberData(nameof(All))]
    public void Training_gradients_are_the_closed_form(string name) => CompareToClosedForm<double>(name, isTraining: true, 1e-13);

    [Theory]
    [MemberData(nameof(Evaluation))]
    public void Evaluation_gradients_are_the_closed_form(string name) => CompareToClosedForm<double>(name, isTraining: false, 1e-13);

    [Theory]
    [MemberData(nameof(All))]
    public void Float_gradients_are_the_closed_form_in_training(string name) => CompareToClosedForm<float>(name, isTraining: true, 2e-7);

    [Theory]
    [MemberData(nameof(Evaluation))]
    public void Float_gradients_are_the_closed_form_in_evaluation(string name) => CompareToClosedForm<float>(name, isTraining: false, 2e-7);

    [Theory]
    [MemberData(nameof(Small))]
    public void Floats_and_doubles_agree(string name)
    {
        Sample<float> floats = new Sample<float>(Cases.Named(name)).Run();
        var doubles = new Sample<double>(Cases.Named(name));
        Copy(floats.Input, doubles.Input);
        Copy(floats.OutputGradient, doubles.OutputGradient);
        for (int i = 0; i < floats.Layer.Parameters.Count; i++)
            Copy(floats.Layer.Parameters[i].Value, doubles.Layer.Parameters[i].Value);
        doubles.Run();
        Values.Distance(Values.Doubles(floats.InputGradient), doubles.InputGradient.Span).Should().BeLessThan(2e-7);
        for (int i = 0; i < floats.Layer.Parameters.Count; i++)
        {
            double[] gradient = Values.Doubles(floats.Layer.Parameters[i].Gradient);
            Values.Distance(gradient, doubles.Layer.Parameters[i].Gradient.Span).Should().BeLessThan(2e-7);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Parameter_gradients_add_up_and_the_input_gradient_does_not(string name)
    {
        Sample<double> sample = new Sample<double>(Cases.Named(name)).Run();
        long[] once = Values.Bits(sample.InputGradient);
        double[][] gradients = [.. sample.Layer.Parameters.Select(static parameter => parameter.Gradient.Span.ToArray())];
        sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
        Values.Bits(sample.InputGradient).AsSpan().SequenceEqual(once).Should().BeTrue();
        foreach ((Parameter<double> parameter, double[] gradient) in sample.Layer.Parameters.Zip(gradients))
        {
            double[] twice = Array.ConvertAll(gradient, static value => 2 * value);
            Values.Distance(parameter.Gradient.Span, twice).Should().BeLessThan(1e-13);
        }
        sample.Layer.ZeroGradients();
        sample.Layer.Parameters.SelectMany(static parameter => parameter.Gradient.Span.ToArray()).Any(static value => value != 0).Should()
            .BeFalse();
    }

    [Theory]
    [MemberData(nameof(All))]
    public void All_three_overloads_give_the_same_bits(string name)
    {
        Sample<float> sample = new Sample<float>(Cases.Named(name)).Run();
        long[] expected = sample.Bits();
        var other = new Sample<float>(Cases.Named(name));
        other.Layer.Forward(other.Input, other.Output);
        other.Layer.Backward(other.OutputGradient, other.InputGradient);
        other.Bits().AsSpan().SequenceEqual(expected).Should().BeTrue();
        Tensor<float> gradient = other.Layer.Backward(other.OutputGradient);
        Values.Bits(gradient).AsSpan().SequenceEqual(Values.Bits(sample.InputGradient)).Should().BeTrue();
        gradient.Shape.SequenceEqual(sample.Input.Shape).Should().BeTrue();
    }

    [Fact]
    public void One_layer_goes_backward_through_several_uses_in_any_order()
    {
        var sample = new Sample<double>(Cases.Named("Layer [4, 5, 5] over 1"));
        Tensor<double> second = Sample<double>.Normal(sample.Case.Shape, 99, 1, 3);
        var context = new ForwardContext<double>();
        sample.Layer.Forward(sample.Input, sample.Output, sample.Context);
        sample.Layer.Forward(second, sample.Output, context);
        sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
        double[] expected = Reference.Of(sample).Gradients(sample.OutputGradient.Span.ToArray()).Input;
        Values.Distance(sample.InputGradient.Span, expected).Should().BeLessThan(1e-13);
    }

    [Fact]
    public void A_context_keeps_the_mode_of_its_forward_pass()
    {
        var sample = new Sample<double>(Cases.Named("Batch [4, 5, 3] tracking"));
        sample.Layer.Eval();
        sample.Layer.Forward(sample.Input, sample.Output, sample.Context);
        double[] expected = Reference.Of(sample).Gradients(sample.OutputGradient.Span.ToArray()).Input;
        sample.Layer.Train();
        sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
        Values.Distance(sample.InputGradient.Span, expected).Should().BeLessThan(1e-13);
    }

    [Theory]
    [InlineData("Batch [4096, 37] tracking")]
    [InlineData("Layer [14011, 5] over 1")]
    [InlineData("Group [6, 64, 14, 14] groups 32")]
    [InlineData("Instance [6, 61, 14, 14] tracking")]
    [InlineData("Rms [100, 773] over 1 epsilon 1E-06")]
    public void Gradients_far_from_zero_are_exact_too(string name)
    {
        Sample<float> sample = new Sample<float>(Cases.Named(name), mean: 1000, deviation: 0.1).Run();
        CompareToClosedForm(sample, 2e-7);
    }

    private static void CompareToClosedForm<T>(string name, bool isTraining, double tolerance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        CompareToClosedForm(new Sample<T>(Cases.Named(name)).Run(isTraining), tolerance);

    private static void CompareToClosedForm<T>(Sample<T> sample, double tolerance) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var reference = Reference.Of(sample);
        (double[] input, double[] weight, double[] bias) = reference.Gradients(Values.Doubles(sample.OutputGradient));
        // In groups of one or two elements nearly everything cancels; there the error is measured against what cancels.
        double floor = reference.LargestTerm / 100;
        // What the mean of floats is off by is multiplied by Σ dy, which grows with the terms.
        double terms = (double)sample.Input.Length / sample.Case.Coefficients;
        double floorOfWeight = typeof(T) == typeof(float) ? terms / 10 : double.Epsilon;
        Values.Distance(Values.Doubles(sample.InputGradient), input, floor).Should().BeLessThan(tolerance, "of the input");
        Values.Distance(Values.Doubles(sample.Layer.Weight?.Gradient), weight, floorOfWeight).Should().BeLessThan(tolerance, "of γ");
        Values.Distance(Values.Doubles(sample.Layer.Bias?.Gradient), bias).Should().BeLessThan(tolerance, "of β");
    }

    private static void CompareToNumericalDerivatives(string name, bool isTraining)
    {
        Sample<double> sample = new Sample<double>(Cases.Named(name)).Run(isTraining);
        Compare(sample, sample.Input, sample.InputGradient);
        foreach (Parameter<double> parameter in sample.Layer.Parameters)
            Compare(sample, parameter.Value, parameter.Gradient);
    }

    /// <summary>The derivatives of Σ dy · y by each element of a tensor, with MathNet's five-point stencil.</summary>
    private static void Compare(Sample<double> sample, Tensor<double> variable, Tensor<double> gradient)
    {
        const double Step = 1e-3;
        var differences = new FiniteDifferenceCoefficients(5);
        double[] coefficients = differences.GetCoefficients(2, 1);
        double[] numerical = new double[variable.Length];
        for (int i = 0; i < variable.Length; i++)
        {
            double value = variable.Span[i];
            for (int k = 0; k < coefficients.Length; k++)
            {
                if (coefficients[k] == 0)
                    continue;
                variable.Span[i] = value + ((k - 2) * Step);
                sample.Layer.Forward(sample.Input, sample.Output);
                for (int j = 0; j < sample.Output.Length; j++)
                    numerical[i] += coefficients[k] / Step * sample.OutputGradient.Span[j] * sample.Output.Span[j];
            }
            variable.Span[i] = value;
        }
        Values.Distance(gradient.Span, numerical).Should().BeLessThan(1e-8);
    }

    private static void Copy(Tensor<float> source, Tensor<double> destination)
    {
        for (int i = 0; i < source.Length; i++)
            destination.Span[i] = source.Span[i];
    }
}
