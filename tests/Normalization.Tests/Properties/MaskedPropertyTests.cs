using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>What passes with valid positions must be for every shape.</summary>
public sealed class MaskedPropertyTests
{
    private static readonly FsCheck.Gen<(Case Item, Telling Telling, int Seed)> _drawn =
        from item in Property.CasesOf(Kind.Batch, Kind.Instance, Kind.Group)
        from telling in Gen.Elements(Enum.GetValues<Telling>())
        from seed in Property.Seeds
        select (item, telling, seed);

    [Fact]
    public void A_pass_computes_the_weighted_definition() => Property.Holds(
        _drawn,
        static drawn =>
        {
            if (HasSingle(drawn.Item, drawn.Telling, drawn.Seed))
                return true;
            var sample = new MaskedSample<double>(drawn.Item, drawn.Telling, drawn.Seed);
            var expected = sample.Expected(isTraining: true);
            sample.Run();
            return Values.Distance(Values.Doubles(sample.Sample.Output), expected.Output, 1) < 1e-10
                && Values.Distance(Values.Doubles(sample.Sample.InputGradient), expected.InputGradient, 1) < 1e-9
                && Values.Distance(Values.Doubles(sample.Sample.Running?.RunningVariance), expected.Variance, 1) < 1e-10;
        });

    [Fact]
    public void Twice_the_weights_change_no_bit_and_a_mask_is_near_to_weights_of_one() => Property.Holds(
        _drawn,
        static drawn =>
        {
            if (HasSingle(drawn.Item, drawn.Telling, drawn.Seed))
                return true;
            MaskedSample<float> first = new(drawn.Item, drawn.Telling, drawn.Seed), second = new(drawn.Item, Telling.Weights, drawn.Seed);
            for (int i = 0; i < first.Weights.Length; i++)
                second.Weights.Span[i] = 2 * first.Weights.Span[i];
            for (int i = 0; i < drawn.Item.Length; i++)
                (second.Sample.Input.Span[i], second.Sample.OutputGradient.Span[i]) = (first.Sample.Input.Span[i], first.Sample.OutputGradient.Span[i]);
            first.Run();
            second.Run();
            double distance = Values.Distance(Values.Doubles(first.Sample.Output), Values.Doubles(second.Sample.Output), 1);
            // Sums with a mask, and without, may be taken in float.
            return drawn.Telling == Telling.Weights ? first.Sample.Output.Span.SequenceEqual(second.Sample.Output.Span) : distance < 1e-5;
        });

    [Fact]
    public void Another_order_of_the_positions_changes_nothing_but_the_order() => Property.Holds(
        _drawn,
        static drawn =>
        {
            Case item = drawn.Item;
            if (HasSingle(item, Telling.Weights, drawn.Seed))
                return true;
            MaskedSample<double> first = new MaskedSample<double>(item, Telling.Weights, drawn.Seed).Run(), second = new(item, Telling.Weights, drawn.Seed);
            for (int row = 0; row < item.N * item.C; row++)
            {
                second.Sample.Input.Span.Slice(row * item.S, item.S).Reverse();
                second.Sample.OutputGradient.Span.Slice(row * item.S, item.S).Reverse();
            }
            for (int n = 0; n < item.N; n++)
                second.Weights.Span.Slice(n * item.S, item.S).Reverse();
            second.Run();
            for (int row = 0; row < item.N * item.C; row++)
            {
                second.Sample.Output.Span.Slice(row * item.S, item.S).Reverse();
                second.Sample.InputGradient.Span.Slice(row * item.S, item.S).Reverse();
            }
            return Values.Distance(Values.Doubles(second.Sample.Output), Values.Doubles(first.Sample.Output), 1) < 1e-10
                && Values.Distance(Values.Doubles(second.Sample.InputGradient), Values.Doubles(first.Sample.InputGradient), 1) < 1e-9;
        });

    [Fact]
    public void Positions_that_do_not_count_could_as_well_not_be_there() => Property.Holds(
        _drawn,
        static drawn =>
        {
            // The samples of a batch have the same positions, so that a plain layer can have them.
            Case item = drawn.Item with { Shape = [drawn.Item.N, drawn.Item.C, Math.Max(3, drawn.Item.S)] };
            int s = item.S, kept = 2 + (drawn.Seed % (s - 1));
            MaskedSample<double> masked = new(item, Telling.Lengths, garbage: false);
            Array.Fill(masked.Lengths, kept);
            Sample<double> plain = new(item with { Shape = [item.N, item.C, kept] });
            for (int row = 0; row < item.N * item.C; row++)
            {
                masked.Sample.Input.Span.Slice(row * s, kept).CopyTo(plain.Input.Span[(row * kept)..]);
                masked.Sample.OutputGradient.Span.Slice(row * s, kept).CopyTo(plain.OutputGradient.Span[(row * kept)..]);
                masked.Sample.Input.Span.Slice((row * s) + kept, s - kept).Fill(double.NaN);
            }
            masked.Run();
            plain.Run();
            bool holds = Values.Distance(Values.Doubles(masked.Sample.Running?.RunningVariance), Values.Doubles(plain.Running?.RunningVariance), 1) < 1e-12;
            for (int row = 0; row < item.N * item.C; row++)
            {
                holds &= Near(masked.Sample.Output, plain.Output, row) && Near(masked.Sample.InputGradient, plain.InputGradient, row);
                holds &= masked.Sample.Output.Span.Slice((row * s) + kept, s - kept).ToArray().All(static value => value == 0);
            }
            return holds;

            bool Near(Tensor<double> actual, Tensor<double> expected, int row) => Values.Distance(
                actual.Span.Slice(row * s, kept), expected.Span.Slice(row * kept, kept), 1) < 1e-10;
        });

    /// <summary>Whether a group has a single valid value, which has no variance.</summary>
    private static bool HasSingle(Case item, Telling telling, int seed)
    {
        var sample = new MaskedSample<double>(item, telling, seed);
        int all = 0;
        bool isAlone = false;
        for (int n = 0; n < item.N; n++)
        {
            int count = 0;
            for (int s = 0; s < item.S; s++)
                count += sample.Weights.Span[(n * item.S) + s] > 0 ? 1 : 0;
            isAlone |= count == 1;
            all += count;
        }
        return item.Kind == Kind.Batch ? all == 1 : isAlone;
    }
}
