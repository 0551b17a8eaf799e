namespace Normalization.Tests;

/// <summary>A NaN or an infinity spoils its own group and no other.</summary>
public sealed class NonFiniteTests
{
    public static TheoryData<string> Representative => Cases.Representative();

    [Theory]
    [MemberData(nameof(Representative))]
    public void A_NaN_in_the_input_stays_in_its_group(string name) => Spoil(name, float.NaN);

    [Theory]
    [MemberData(nameof(Representative))]
    public void An_infinity_in_the_input_stays_in_its_group(string name) => Spoil(name, float.NegativeInfinity);

    [Theory]
    [InlineData("Batch [4, 10] tracking")]
    [InlineData("Batch [2, 3, 9001] tracking")]
    [InlineData("Instance [4, 3, 6, 6] tracking")]
    public void With_running_statistics_a_NaN_stays_in_its_element(string name)
    {
        var clean = new Sample<float>(Cases.Named(name));
        var spoiled = new Sample<float>(Cases.Named(name));
        spoiled.Input.Span[5] = float.NaN;
        clean.Run(isTraining: false);
        spoiled.Run(isTraining: false);
        spoiled.Output.Span[5].Should().Be(float.NaN);
        spoiled.Output.Span[5] = clean.Output.Span[5];
        Values.Bits(spoiled.Output).AsSpan().SequenceEqual(Values.Bits(clean.Output)).Should().BeTrue();
        Values.Bits(spoiled.InputGradient).AsSpan().SequenceEqual(Values.Bits(clean.InputGradient)).Should()
            .BeTrue("dx does not depend on x");
    }

    [Theory]
    [MemberData(nameof(Representative))]
    public void A_NaN_in_the_output_gradient_stays_in_its_group(string name)
    {
        Sample<float> clean = new Sample<float>(Cases.Named(name)).Run();
        var spoiled = new Sample<float>(Cases.Named(name));
        int element = spoiled.Input.Length * 2 / 3;
        spoiled.OutputGradient.Span[element] = float.NaN;
        spoiled.Run();
        Values.Bits(spoiled.Output).AsSpan().SequenceEqual(Values.Bits(clean.Output)).Should().BeTrue();
        Compare(spoiled, clean, spoiled.InputGradient, clean.InputGradient, element, elementIsEnough: false);
        int coefficient = spoiled.Case.CoefficientOf(element);
        for (int i = 0; i < spoiled.Layer.Parameters.Count; i++)
        {
            Span<float> gradient = spoiled.Layer.Parameters[i].Gradient.Span, expected = clean.Layer.Parameters[i].Gradient.Span;
            gradient[coefficient].Should().Be(float.NaN);
            gradient[coefficient] = expected[coefficient];
            gradient.SequenceEqual(expected).Should().BeTrue();
        }
    }

    [Fact]
    public void A_NaN_in_a_batch_spoils_the_running_statistics_of_its_channel_only()
    {
        var sample = new Sample<float>(Cases.Named("Batch [4, 10] tracking"));
        sample.Input.Span[3] = float.NaN;
        sample.Run();
        for (int channel = 0; channel < 10; channel++)
        {
            float.IsNaN(sample.Running!.RunningMean!.Span[channel]).Should().Be(channel == 3);
            float.IsNaN(sample.Running.RunningVariance!.Span[channel]).Should().Be(channel == 3);
        }
    }

    private static void Spoil(string name, float value)
    {
        Sample<float> clean = new Sample<float>(Cases.Named(name)).Run();
        var spoiled = new Sample<float>(Cases.Named(name));
        int element = spoiled.Input.Length / 2;
        spoiled.Input.Span[element] = value;
        spoiled.Run();
        // x / ∞ is 0 without a mean to subtract: only the infinite element itself must show.
        bool elementIsEnough = spoiled.Case.Kind == Kind.Rms && float.IsInfinity(value);
        Compare(spoiled, clean, spoiled.Output, clean.Output, element, elementIsEnough);
        Compare(spoiled, clean, spoiled.InputGradient, clean.InputGradient, element, elementIsEnough);
    }

    /// <summary>Inside the group everything is NaN, outside it has the bits of the clean run.</summary>
    private static void Compare(
        Sample<float> spoiled, Sample<float> clean, Tensor<float> actual, Tensor<float> expected, int element, bool elementIsEnough)
    {
        int group = clean.Case.GroupOf(element, hasFixedStatistics: false), wrong = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            bool isInside = spoiled.Case.GroupOf(i, hasFixedStatistics: false) == group;
            bool isRight = isInside
                ? float.IsNaN(actual.Span[i]) || (elementIsEnough && i != element)
                : actual.Span[i].Equals(expected.Span[i]);
            wrong += isRight ? 0 : 1;
        }
        wrong.Should().Be(0);
    }
}
