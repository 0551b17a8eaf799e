using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>What statistics do over the life of a model, for every shape.</summary>
public sealed class LifePropertyTests
{
    [Fact]
    public void A_repeated_pass_has_the_bits_of_the_first_and_leaves_the_state() => Property.Holds(
        from item in Property.Cases from isTraining in Gen.Elements(true, false) select (item, isTraining),
        static drawn =>
        {
            Sample<float> once = new Sample<float>(drawn.item).Run(drawn.isTraining), twice = new Sample<float>(drawn.item);
            twice.Layer.Train(drawn.isTraining);
            twice.Layer.Forward(twice.Input, twice.Output, twice.Context);
            twice.Context.ReleaseInput();
            twice.Output.Fill(0);
            twice.Context.IsRecomputation = true;
            twice.Layer.Forward(twice.Input, twice.Output, twice.Context);
            twice.Layer.Backward(twice.OutputGradient, twice.InputGradient, twice.Context);
            return twice.Bits().SequenceEqual(once.Bits()) && twice.Running?.BatchesTracked == once.Running?.BatchesTracked;
        });

    [Fact]
    public void A_pass_without_update_has_the_bits_of_one_with_it() => Property.Holds(
        Property.Tracking,
        static item =>
        {
            Sample<float> updated = new Sample<float>(item).Run(), left = new(item), untouched = new(item);
            left.Context.UpdateRunningStatistics = false;
            left.Run();
            return Values.Bits(left.Output).SequenceEqual(Values.Bits(updated.Output))
                && Values.Bits(left.InputGradient).SequenceEqual(Values.Bits(updated.InputGradient))
                && Values.Bits(left.Running!.RunningMean).SequenceEqual(Values.Bits(untouched.Running!.RunningMean))
                && Values.Bits(left.Running.RunningVariance).SequenceEqual(Values.Bits(untouched.Running.RunningVariance))
                && left.Running.BatchesTracked == 0;
        });
}
