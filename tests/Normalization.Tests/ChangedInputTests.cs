using System.Numerics;

namespace Normalization.Tests;

/// <summary>An input that is not the one of the forward pass any more, when backward needs it.</summary>
public sealed class ChangedInputTests
{
    private const string Changed = "The input has changed since the forward pass*x += h*";

    public static TheoryData<string> Representative => Cases.Representative();

    [Theory]
    [MemberData(nameof(Representative))]
    public void An_input_that_changed_before_backward_is_an_error_that_says_so(string name)
    {
        Refuse<float>(name);
        Refuse<double>(name);
    }

    [Theory]
    [InlineData("Batch [4, 5, 3] tracking")]
    [InlineData("Layer [100, 773] over 1")]
    public void Another_input_that_is_given_to_backward_is_an_error_that_says_so(string name)
    {
        var sample = new Sample<float>(Cases.Named(name));
        sample.Layer.Forward(sample.Input, sample.Output.AsTensorSpan(), sample.Context);
        FluentActions.Invoking(() =>
            sample.Layer.Backward(sample.OutputGradient, sample.OutputGradient, sample.InputGradient.AsTensorSpan(), sample.Context)).Should()
            .Throw<InvalidOperationException>().WithMessage(Changed);
        sample.Layer.Backward(sample.Input.Clone(), sample.OutputGradient, sample.InputGradient.AsTensorSpan(), sample.Context);
    }

    [Theory]
    [InlineData("Batch [4, 5, 3] tracking")]
    [InlineData("Group [6, 64, 14, 14] groups 32")]
    [InlineData("Rms [4, 5, 5] over 1")]
    public void Values_that_are_unequal_to_themselves_have_not_changed(string name)
    {
        var sample = new Sample<float>(Cases.Named(name));
        for (int i = 0; i < sample.Input.Length; i++)
        {
            sample.Input.Span[i] = (i % 4) switch
            {
                0 => BitConverter.UInt32BitsToSingle(0x7F80_0001u + (uint)i), // a signaling NaN
                1 => BitConverter.UInt32BitsToSingle(0xFFC0_0000u + (uint)i),
                2 => float.NegativeInfinity,
                _ => -0f,
            };
        }
        sample.Run();
    }

    [Fact]
    public void A_zero_that_changed_its_sign_has_changed()
    {
        var sample = new Sample<float>(Cases.Named("Layer [4, 5, 5] over 1"));
        sample.Input.Fill(0);
        sample.Layer.Forward(sample.Input, sample.Output, sample.Context);
        sample.Input.Fill(-0f);
        RequireRefusal(sample);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Where_backward_does_not_read_the_input_it_may_have_changed(bool isTraining)
    {
        Sample<float> sample = new(Cases.Named("Batch [8, 67, 14, 14] tracking")), expected = new(sample.Case);
        foreach (Sample<float> item in (Sample<float>[])[sample, expected])
        {
            item.Running!.UseRunningStatistics = true;
            item.Layer.Weight!.RequiresGradient = false;
            item.Run(isTraining);
            item.Layer.ZeroGradients();
        }
        expected.Run(isTraining);
        sample.Input.Fill(7);
        sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
        Values.Bits(sample.InputGradient).Should().Equal(Values.Bits(expected.InputGradient));
        Values.Bits(sample.Layer.Bias!.Gradient).Should().Equal(Values.Bits(expected.Layer.Bias!.Gradient));
        sample.Layer.Weight!.RequiresGradient = true;
        RequireRefusal(sample);
    }

    /// <summary>The input is cut into 32 parts, one element of each is compared.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(1000)]
    [InlineData(4099)]
    public void A_sixteenth_of_the_input_does_not_change_unnoticed_wherever_it_lies(int length)
    {
        double[] input = [.. Enumerable.Range(0, length)];
        double[] samples = new double[InputSamples.Count];
        InputSamples.Take<double>(input, samples);
        InputSamples.FindChange<double>(input, samples).Should().Be(-1);
        int window = Math.Max(1, (length + 15) / 16);
        for (int start = 0; start + window <= length; start++)
        {
            double[] changed = [.. input];
            changed.AsSpan(start, window).Fill(-1);
            InputSamples.FindChange<double>(changed, samples).Should().BeInRange(start, start + window - 1);
        }
    }

    [Fact]
    public void The_samples_lie_inside_the_largest_inputs()
    {
        // 2 GiB would be needed to see it through a layer.
        for (int sample = 0; sample < InputSamples.Count; sample++)
        {
            long part = Array.MaxLength / InputSamples.Count;
            long last = Math.Min(((sample + 1) * part) + sample + 1, Array.MaxLength - 1);
            InputSamples.Position(sample, Array.MaxLength).Should().BeInRange((int)(sample * part), (int)last);
        }
    }

    private static void Refuse<T>(string name) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Sample<T> sample = new Sample<T>(Cases.Named(name)).Run();
        T[] input = sample.Input.Span.ToArray();
        foreach (ref T element in sample.Input.Span)
            element += T.One;
        RequireRefusal(sample);
        input.CopyTo(sample.Input.Span);
        long[] expected = Values.Bits(sample.InputGradient);
        sample.Layer.Backward(sample.OutputGradient, sample.InputGradient, sample.Context);
        Values.Bits(sample.InputGradient).Should().Equal(expected);
    }

    private static void RequireRefusal<T>(Sample<T> sample) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        long[] before = sample.Bits();
        sample.Invoking(static item => item.Layer.Backward(item.OutputGradient, item.InputGradient, item.Context)).Should()
            .Throw<InvalidOperationException>().WithMessage(Changed);
        sample.Bits().Should().Equal(before);
    }
}
