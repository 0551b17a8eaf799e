using System.Numerics;
using System.Runtime.InteropServices;

namespace Normalization.Verify.Fuzz;

/// <summary>Everything that a call could have changed, bit by bit.</summary>
internal sealed class LayerSnapshot<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly List<(string Name, Memory<T> Live, T[] Kept)> _memories = [];
    private readonly LayerModel<T> _model;
    private readonly (long, double?, bool, bool?, bool?, bool?) _options;
    private readonly List<(ForwardContext<T> Context, Tensor<T>? Input, double[] Statistics)> _contexts = [];

    public LayerSnapshot(LayerModel<T> model, IEnumerable<(string Name, Memory<T> Memory)> memories, IEnumerable<ForwardContext<T>> contexts)
    {
        _model = model;
        foreach ((string name, Memory<T> memory) in memories)
            _memories.Add((name, memory, memory.ToArray()));
        foreach (Parameter<T> parameter in model.Layer.Parameters)
        {
            _memories.Add((parameter.Name, parameter.Value.Memory, parameter.Value.Memory.ToArray()));
            _memories.Add((parameter.Name + " gradient", parameter.Gradient.Memory, parameter.Gradient.Memory.ToArray()));
        }
        if (model.Running is { RunningMean: { } mean, RunningVariance: { } variance })
        {
            _memories.Add(("running mean", mean.Memory, mean.Memory.ToArray()));
            _memories.Add(("running variance", variance.Memory, variance.Memory.ToArray()));
        }
        _options = Options();
        foreach (ForwardContext<T> context in contexts)
            _contexts.Add((context, context.Input, StatisticsOf(context)));
    }

    public T[] Kept(string name) => _memories.Single(memory => memory.Name == name).Kept;

    /// <summary>Throws if anything changed except what is named.</summary>
    public void RequireUnchanged(string after, params ReadOnlySpan<string> except)
    {
        foreach ((string name, Memory<T> live, T[] kept) in _memories)
        {
            bool isSame = MemoryMarshal.AsBytes(live.Span).SequenceEqual(MemoryMarshal.AsBytes<T>(kept));
            FuzzFailure.Require(isSame || except.Contains(name), $"{after} changed {name}");
        }
        FuzzFailure.Require(_options == Options() || except.Contains("options"), $"{after} changed the layer's options or counter");
        foreach ((ForwardContext<T> context, Tensor<T>? input, double[] statistics) in _contexts)
        {
            bool isSame = context.Input == input && StatisticsOf(context).AsSpan().SequenceEqual(statistics);
            FuzzFailure.Require(isSame || except.Contains("contexts"), $"{after} changed a context");
        }
    }

    private (long, double?, bool, bool?, bool?, bool?) Options() => (
        _model.Running?.BatchesTracked ?? 0,
        _model.Running?.Momentum,
        _model.Layer.IsTraining,
        _model.Running?.UseRunningStatistics,
        _model.Layer.Weight?.RequiresGradient,
        _model.Layer.Bias?.RequiresGradient);

    private static double[] StatisticsOf(ForwardContext<T> context)
    {
        double[] statistics = new double[2 * context.GroupCount];
        for (int group = 0; group < context.GroupCount; group++)
        {
            statistics[2 * group] = context.GetMean(group);
            statistics[(2 * group) + 1] = context.GetInverseStandardDeviation(group);
        }
        return statistics;
    }
}
