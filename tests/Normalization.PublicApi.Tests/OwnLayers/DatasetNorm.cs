using System.Numerics;
using Normalization;

namespace OwnLayers;

/// <summary>
/// Normalizes columns by the statistics of the last batch of training, which are a part of its state, and counts the batches. It derives
/// from the base class of all layers alone.
/// </summary>
internal sealed class DatasetNorm<T> : NormalizationLayer<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly int _width;
    private readonly Tensor<T> _mean;
    private readonly Tensor<T> _variance;
    private readonly StateCounter _batches;

    public DatasetNorm(int width)
        : base(epsilon: 1e-5, [width], hasWeight: true, hasBias: false)
    {
        _width = width;
        RegisterBuffer("mean", _mean = new(width));
        RegisterBuffer("variance", _variance = Tensor<T>.Full([width], T.One), isNonNegative: true);
        _batches = RegisterCounter("batches");
    }

    public long Batches => _batches.Value;

    public Tensor<T> Mean => _mean;

    /// <summary>Gets how often a state has been loaded.</summary>
    public int Loads { get; private set; }

    public void Share(ICollective? ranks) => ShareStatistics(ranks, _width);

    public void RegisterTwice() => RegisterBuffer("weight", _mean);

    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) => shape.Length == 2 && shape[1] == _width
        ? NormalizationPlan.Batch(shape[0], _width, 1)
        : throw new ArgumentException($"expected input [N, {_width}]");

    protected override FixedStatistics<T>? FixedStatisticsFor(bool isTraining) => isTraining ? null : new(_mean, _variance);

    protected override void OnInputStatistics(InputStatistics statistics)
    {
        _batches.Increment();
        for (int i = 0; i < statistics.GroupCount; i++)
        {
            _mean.Span[i] = T.CreateTruncating(statistics.GetMean(i));
            _variance.Span[i] = T.CreateTruncating(statistics.GetVariance(i));
        }
    }

    protected override void OnStateLoaded() => Loads++;
}
