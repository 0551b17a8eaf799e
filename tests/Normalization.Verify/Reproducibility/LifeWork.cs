using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Reproducibility;

/// <summary>What statistics do over the life of a model, for the hash.</summary>
internal static class LifeWork
{
    /// <summary>Hands every result to a visitor, always in the same order.</summary>
    public static void Run<T>(Geometry geometry, Action<Trial<T>> visit) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Repeat(new Trial<T>(geometry), visit);
        Recalibrate(new Trial<T>(geometry), visit);
        InPieces(geometry, visit);
        InParts(new Trial<T>(geometry), visit);
    }

    /// <summary>A pass that running statistics do not follow, and the same pass again.</summary>
    private static void Repeat<T>(Trial<T> trial, Action<Trial<T>> visit) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var context = new ForwardContext<T> { UpdateRunningStatistics = false };
        trial.Layer.Forward(trial.Input, trial.Output, context);
        visit(trial);
        context.ReleaseInput();
        context.IsRecomputation = true;
        trial.Layer.Forward(trial.Input, trial.Output, context);
        trial.Layer.Backward(trial.OutputGradient, trial.InputGradient, context);
        visit(trial);
    }

    /// <summary>Virtual batches, a remainder among them.</summary>
    private static void InPieces<T>(Geometry geometry, Action<Trial<T>> visit) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (geometry.Kind != LayerKind.BatchNorm)
            return;
        foreach (int size in (int[])[2, 3])
        {
            var trial = new Trial<T>(geometry, virtualBatchSize: size);
            trial.Step();
            visit(trial);
        }
    }

    /// <summary>The batch and its reverse as two parts of one batch.</summary>
    private static void InParts<T>(Trial<T> trial, Action<Trial<T>> visit) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (trial.Layer is not BatchNorm<T> layer)
            return;
        var batch = new MicroBatches<T>(layer);
        ForwardContext<T> first = new() { MicroBatches = batch }, second = new() { MicroBatches = batch };
        Tensor<T> other = trial.Input.Clone(), output = new(trial.Input.Shape);
        other.Span.Reverse();
        batch.Observe(trial.Input);
        batch.Observe(other);
        layer.Forward(trial.Input, trial.Output, first);
        layer.Forward(other, output, second);
        batch.ObserveGradient(trial.OutputGradient, first);
        batch.ObserveGradient(output, second);
        layer.Backward(trial.OutputGradient, trial.InputGradient, first);
        visit(trial);
    }

    /// <summary>Running statistics that are taken anew from three batches, by either method.</summary>
    private static void Recalibrate<T>(Trial<T> trial, Action<Trial<T>> visit) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (trial.Running is null)
            return;
        foreach (RecalibrationMethod method in (RecalibrationMethod[])[RecalibrationMethod.Pooled, RecalibrationMethod.BatchAverage])
        {
            using Recalibration<T> recalibration = trial.Running.Recalibrate(method);
            for (uint batch = 1; batch <= 3; batch++)
            {
                Values.Fill(trial.Input.Span, batch, center: batch);
                trial.Forward();
            }
            recalibration.Complete();
            visit(trial);
        }
    }
}
