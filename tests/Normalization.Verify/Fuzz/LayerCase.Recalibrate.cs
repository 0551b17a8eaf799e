using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Fuzz;

/// <content>Running statistics that are taken anew.</content>
internal sealed partial class LayerCase<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // What a recalibration has seen.
    private readonly List<(Geometry Geometry, Reference Exact, bool IsFinite)> _seen = [];
    private Recalibration<T>? _recalibration;

    /// <summary>Begins a recalibration, or completes or abandons the one that is under way.</summary>
    private void Recalibrate()
    {
        if (Layer is not RunningStatisticsLayer<T> layer)
            return;
        LayerSnapshot<T> before = Snapshot();
        bool isPooled = _random.Chance(0.5);
        if (_recalibration is null)
        {
            RecalibrationMethod method = isPooled ? RecalibrationMethod.Pooled : RecalibrationMethod.BatchAverage;
            (_model.HasRunning ? Outcome.Success : Outcome.Order).Throws("Recalibrate", () => _recalibration = layer.Recalibrate(method));
            before.RequireUnchanged("Recalibrate");
            _model.IsRecalibrated = _recalibration is not null;
            _seen.Clear();
            return;
        }
        Outcome.Order.Throws("Recalibrate twice", () => layer.Recalibrate());
        bool isCompleted = _random.Chance(0.7)
            && !(_seen.Count > 0 ? Outcome.Success : Outcome.Order).Throws("Complete", () => _recalibration.Complete());
        _recalibration.Dispose();
        before.RequireUnchanged("the end of a recalibration", isCompleted ? ["running mean", "running variance"] : []);
        _model.IsRecalibrated = false;
        if (isCompleted && _seen.TrueForAll(static part => part.IsFinite))
            RequirePopulation(_recalibration.Method);
        _recalibration = null;
    }

    private void RequirePopulation(RecalibrationMethod method)
    {
        for (int channel = 0; channel < _model.Running!.NumFeatures; channel++)
        {
            // Of each group: its weight, its mean, its variance.
            List<(double Weight, double Mean, double Variance)> groups = [];
            bool isPooled = method == RecalibrationMethod.Pooled && _seen[0].Geometry.Kind == LayerKind.BatchNorm;
            foreach ((Geometry geometry, Reference exact, _) in _seen)
            {
                double elements = geometry.ElementsPerGroup;
                for (int group = channel; group < geometry.GroupCount; group += geometry.C)
                {
                    double unbiased = isPooled ? 1 : elements / (elements - 1);
                    groups.Add((isPooled ? elements : 1, (double)exact.Mean[group], (double)exact.Variance[group] * unbiased));
                }
            }
            double count = groups.Sum(static group => group.Weight), mean = groups.Sum(static group => group.Weight * group.Mean) / count;
            double variance = groups.Sum(group =>
                group.Weight * (group.Variance + (isPooled ? (group.Mean - mean) * (group.Mean - mean) : 0))) / (isPooled ? count - 1 : count);
            double scale = groups.Max(static group => Math.Abs(group.Mean) + Math.Sqrt(group.Variance));
            Require("mean", mean, _model.Running.RunningMean!.Span[channel], scale);
            Require("variance", variance, _model.Running.RunningVariance!.Span[channel], variance);
        }

        static void Require(string what, double expected, T actual, double scale)
        {
            bool isNear = Math.Abs(double.CreateTruncating(actual) - expected) <= (1e-5 * scale) + 1e-20;
            FuzzFailure.Require(isNear || !(scale <= 1e30), $"Complete: a wrong {what}");
        }
    }
}
