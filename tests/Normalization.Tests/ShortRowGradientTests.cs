namespace Normalization.Tests;

/// <summary>Rows of less than a block are summed in float, eight or sixteen rows at a time.</summary>
public sealed class ShortRowGradientTests
{
    /// <summary>The lengths at which lanes, vectors and blocks begin to differ, for several fours of rows and for one row.</summary>
    public static TheoryData<int> Lengths => [31, 32, 33, 47, 48, 49, 63, 64, 65, 100, 127, 200, 255, 256];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Rows_of_every_length_have_the_gradients_of_the_closed_form(int width)
    {
        foreach (Kind kind in (Kind[])[Kind.Layer, Kind.Rms])
        {
            var sample = new Sample<float>(new Case(kind, 21, width));
            var reference = Reference.Of(sample);
            (double[] input, double[] weight, double[] bias) = reference.Gradients(Values.Doubles(sample.OutputGradient));
            sample.Run();
            Values.Distance(Values.Doubles(sample.InputGradient), input, reference.LargestTerm).Should().BeLessThan(3e-7);
            Values.Distance(Values.Doubles(sample.Layer.Weight!.Gradient), weight, 21).Should().BeLessThan(3e-7);
            Values.Distance(Values.Doubles(sample.Layer.Bias?.Gradient), kind == Kind.Rms ? [] : bias, 21).Should().BeLessThan(3e-7);
        }
    }

    [Theory]
    [InlineData(1e30f, 5)]
    [InlineData(1e-32f, 5)]
    [InlineData(1e30f, 13)]
    [InlineData(1e-32f, 20)]
    public void A_row_that_floats_cannot_hold_leaves_its_neighbors_as_they_are(float scale, int hard)
    {
        const int Width = 64;
        var sample = new Sample<float>(new Case(Kind.Layer, 21, Width) { Epsilon = 0 });
        sample.Run();
        long[] outputBefore = Values.Bits(sample.Output);
        long[] before = Values.Bits(sample.InputGradient);
        foreach (ref float value in sample.Input.Span.Slice(hard * Width, Width))
            value *= scale;
        var reference = Reference.Of(sample);
        (double[] input, _, _) = reference.Gradients(Values.Doubles(sample.OutputGradient));
        sample.Run();
        HaveSameNeighbors(before, Values.Bits(sample.InputGradient));
        HaveSameNeighbors(outputBefore, Values.Bits(sample.Output));
        Values.Distance(Values.Doubles(sample.Output), reference.Output, 1).Should().BeLessThan(1e-6);
        Range row = (hard * Width)..((hard + 1) * Width);
        double largest = input[row].Max(Math.Abs);
        Values.Distance(Values.Doubles(sample.InputGradient)[row], input[row], largest).Should().BeLessThan(1e-6);

        void HaveSameNeighbors(long[] first, long[] second)
        {
            second[..(hard * Width)].Should().Equal(first[..(hard * Width)]);
            second[((hard + 1) * Width)..].Should().Equal(first[((hard + 1) * Width)..]);
        }
    }
}
