using System.Numerics;

namespace Normalization.Tests;

/// <summary>Forward-mode derivatives, and backward through the backward pass.</summary>
public sealed class SecondOrderTests
{
    public static TheoryData<string> Small => Cases.Small();

    public static TheoryData<string> All => Cases.All();

    public static TheoryData<string> NotEmpty => Cases.NotEmpty();

    [Theory]
    [MemberData(nameof(Small))]
    public void The_derivatives_along_every_choice_of_directions_are_numerical_differences(string name)
    {
        foreach (bool isTraining in (bool[])[true, false])
        {
            for (int directions = 1; directions <= SecondOrderSample<double>.AllDirections; directions++)
                CompareToDifferences(Cases.Named(name), directions, isTraining);
        }
    }

    [Theory]
    [MemberData(nameof(Small))]
    public void The_three_results_are_the_gradients_of_what_they_come_from(string name)
    {
        Case item = Cases.Named(name);
        foreach (bool isTraining in (bool[])[true, false])
        {
            SecondOrderSample<double> second = new SecondOrderSample<double>(item, isTraining: isTraining).Run();
            double[] weightGradient = Values.Doubles(second.Layer.Weight?.Gradient);
            double[] biasGradient = new double[second.Layer.Bias?.Value.Length ?? 0];
            double[] dx = Normals.Of(item.Length, 31), dy = Normals.Of(item.Length, 32), dw = Normals.Of(weightGradient.Length + 1, 33)[..^1];
            double claimed = Dot(second.InputGradient.Span, dx) + Dot(second.OutputGradientGradient.Span, dy) + Dot(weightGradient, dw);

            // Φ = v · dx + u · dγ + b · dβ, moved along other directions.
            double[] moved = new MovedSample(second.Sample).Derivative(dx, dw, null, dy);
            double[] movedInput = moved[item.Length..(2 * item.Length)], movedWeight = moved[(2 * item.Length)..];
            for (int i = 0; i < item.Length && biasGradient.Length > 0; i++)
                biasGradient[item.CoefficientOf(i)] += dy[i];
            double actual = Dot(Values.Doubles(second.Input), movedInput) + Dot(Values.Doubles(second.Bias), biasGradient)
                + (second.Weight is null ? 0 : Dot(Values.Doubles(second.Weight), movedWeight));
            claimed.Should().BeApproximately(actual, 1e-7 * (1 + Norm(second.InputGradient.Span) + Math.Abs(actual)));
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_closed_form_holds_in_double(string name) => CompareToClosedForm<double>(name, 1e-11);

    [Theory]
    [MemberData(nameof(All))]
    public void The_closed_form_holds_in_float(string name) => CompareToClosedForm<float>(name, 1e-6);

    [Theory]
    [MemberData(nameof(NotEmpty))]
    public void The_gradient_of_the_output_gradient_is_the_tangent_of_the_output(string name)
    {
        SecondOrderSample<float> sample = new SecondOrderSample<float>(Cases.Named(name)).Run();
        Values.Bits(sample.OutputGradientGradient).Should().Equal(Values.Bits(sample.Tangent));
    }

    [Theory]
    [MemberData(nameof(Small))]
    public void The_tangent_along_v_and_the_gradient_along_dy_are_transposed(string name)
    {
        foreach (bool isTraining in (bool[])[true, false])
        {
            SecondOrderSample<double> second = new SecondOrderSample<double>(Cases.Named(name), isTraining: isTraining).Run();
            Sample<double> sample = second.Sample;
            sample.Layer.ZeroGradients();
            sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
            double forward = Dot(sample.OutputGradient.Span, second.Tangent.Span);
            double backward = Dot(sample.InputGradient.Span, second.Input!.Span)
                + (second.Weight is null ? 0 : Dot(sample.Layer.Weight!.Gradient.Span, second.Weight.Span))
                + (second.Bias is null ? 0 : Dot(sample.Layer.Bias!.Gradient.Span, second.Bias.Span));
            forward.Should().BeApproximately(backward, 1e-11 * (1 + Norm(second.Tangent.Span)) * Norm(sample.OutputGradient.Span));
        }
    }

    [Theory]
    [MemberData(nameof(Small))]
    public void The_second_derivative_is_symmetric(string name)
    {
        Case item = Cases.Named(name);
        SecondOrderSample<double> first = new SecondOrderSample<double>(item, directions: 1).Run();
        SecondOrderSample<double> second = new SecondOrderSample<double>(item, directions: 1, sample: new(item));
        Normals.Of(item.Length, 41).CopyTo(second.Input!.Span);
        second.Run();
        double left = Dot(first.InputGradient.Span, second.Input.Span), right = Dot(second.InputGradient.Span, first.Input!.Span);
        left.Should().BeApproximately(right, 1e-11 * (1 + Norm(first.InputGradient.Span)) * Norm(second.Input.Span));
    }

    private static void CompareToDifferences(Case item, int directions, bool isTraining)
    {
        SecondOrderSample<double> second = new SecondOrderSample<double>(item, directions, isTraining).Run();
        double[] weightGradient = Values.Doubles(second.Layer.Weight?.Gradient);

        // The second derivatives of Σ dy · y are symmetric: the results are the derivatives of y, dx and dγ along v, u and b.
        double[] expected = new MovedSample(second.Sample).Derivative(
            Values.Doubles(second.Input), Values.Doubles(second.Weight), Values.Doubles(second.Bias));
        double[] actual = [.. second.Tangent.Span, .. second.InputGradient.Span, .. weightGradient];
        (int n, double floor) = (item.Length, 1e-3);
        Values.Distance(actual.AsSpan(0, n), expected.AsSpan(0, n), floor).Should().BeLessThan(1e-8, "the tangent along {0}", directions);
        Values.Distance(actual.AsSpan(n, n), expected.AsSpan(n, n), floor).Should().BeLessThan(1e-8, "the input's along {0}", directions);
        Values.Distance(actual.AsSpan(2 * n), expected.AsSpan(2 * n), floor).Should().BeLessThan(1e-8, "the weight's along {0}", directions);
    }

    private static void CompareToClosedForm<T>(string name, double tolerance) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Case item = Cases.Named(name);
        foreach (bool isTraining in (bool[])[true, false])
        {
            SecondOrderSample<T> second = new SecondOrderSample<T>(item, isTraining: isTraining).Run();
            var reference = SecondOrderReference.Of(second);
            (T Before, T After) = (Sample<T>.Around(second.InputGradient)[0], Sample<T>.Around(second.InputGradient)[^1]);
            (T.IsNaN(Before) && T.IsNaN(After)).Should().BeTrue("nothing beside the tensor is written");
            Values.Distance(Values.Doubles(second.Tangent), reference.OutputGradientGradient).Should().BeLessThan(tolerance);
            Values.Distance(Values.Doubles(second.InputGradient), reference.InputGradient).Should().BeLessThan(tolerance);
            Values.Distance(Values.Doubles(second.Layer.Weight?.Gradient), reference.WeightGradient).Should().BeLessThan(tolerance);
        }
    }

    private static double Dot(ReadOnlySpan<double> left, ReadOnlySpan<double> right)
    {
        double sum = 0;
        for (int i = 0; i < left.Length; i++)
            sum += left[i] * right[i];
        return sum;
    }

    private static double Norm(ReadOnlySpan<double> values) => Math.Sqrt(Dot(values, values));
}
