using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Reproducibility;

/// <summary>What statistics do over the life of a model, for the hash.</summary>
internal static class LifeWork
{
    /// <summary>Hands every result to a visitor, always in the same order.</summary>
    public static void Run<T>(Geometry geometry, Action<Trial<T>> visit) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Repeat(new Trial<T>(geometry), visit);

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
}
