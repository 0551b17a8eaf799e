using Normalization.Kernels.Plans;

namespace Normalization;

/// <content>What a forward pass checks before it writes anything.</content>
public abstract partial class NormalizationLayer<T>
{
    private void GuardForward(in ForwardPass<T> pass, in Plan plan)
    {
        Span<T> y = pass.Output;
        GuardBuffers(y);
        NormalizationPrimitives.GuardForward(pass.Input, y, ValueOf(Weight), ValueOf(Bias), "input", "output");
        if (pass.Terms.IsAny || Activation != Activation.None)
            GuardTerms(pass, plan);
        if (pass.Context is null)
            return;
        if (pass.Source.Overlaps(y))
        {
            throw Guard.InputError(
                "output overlaps input, which the backward pass needs; pass another output, or call Eval() first if there is no backward "
                    + "pass.",
                "output");
        }
        if (pass.Mode.IsRecomputation)
            GuardRecomputation(pass);
    }

    /// <summary>Throws unless a pass can do what it is to do besides normalizing.</summary>
    private void GuardTerms(in ForwardPass<T> pass, in Plan plan)
    {
        if (pass.Terms.IsAny)
        {
            GuardBuffers(pass.Terms.Sum);
            FusedGuard.Forward(plan, pass.Terms, pass.Input, pass.Output, ValueOf(Weight), ValueOf(Bias));
        }
        bool corrects = pass.Mode.IsTraining && !pass.Mode.HasFixedStatistics && CorrectsInput;
        if (corrects || plan.Statistics == StatisticsSharing.Window)
        {
            throw new NotSupportedException(
                $"{GetType().Name.Split('`')[0]} takes no residual, skip, scale, shift or activation here, and no Lengths, Mask or "
                    + "Weights. Use a layer without an activation, and compute them before and behind it.");
        }
        if (pass.Mode.Batch is not null)
        {
            throw new InvalidOperationException(
                "MicroBatches observe what goes into the norm and what comes back to it. Use a layer without an activation, and add a "
                    + "residual, a skip, a scale or a shift before and behind it. There are no Lengths, Mask or Weights.");
        }
        if (pass.Context is not null && !pass.Terms.Residual.IsEmpty && pass.Terms.Sum.IsEmpty)
        {
            throw Guard.InputError(
                "The backward pass needs the sum of the input and Residual: pass Sum, which may be exactly the residual; or call Eval() "
                    + "first if there is no backward pass.",
                nameof(pass.Terms.Sum));
        }
    }
}
