using System.Numerics;
using Normalization.Kernels;

namespace Normalization;

/// <summary>A layer over [N, C, ...] that can follow the statistics of its channels in training and use them in evaluation.</summary>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public abstract class RunningStatisticsLayer<T> : NormalizationLayer<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private protected const string TrackingNeeded = "The layer does not track running statistics; construct it with trackRunningStatistics: true.";

    private double? _momentum;
    private long _batchesTracked;
    private bool _useRunningStatistics;

    private protected RunningStatisticsLayer(int numFeatures, double epsilon, double? momentum, bool affine, bool trackRunningStatistics)
        : base(epsilon, [Checked(numFeatures, momentum)], affine, affine)
    {
        NumFeatures = numFeatures;
        _momentum = momentum;
        if (trackRunningStatistics)
        {
            RunningMean = new(numFeatures);
            RunningVariance = new(numFeatures);
            ResetRunningStatistics();
        }
    }

    /// <summary>Gets the number of channels, C of [N, C, ...].</summary>
    public int NumFeatures { get; }

    /// <summary>Gets the running mean of each channel, initially zeros; null without tracking.</summary>
    public Tensor<T>? RunningMean { get; }

    /// <summary>Gets the running unbiased variance of each channel, initially ones; null without tracking.</summary>
    public Tensor<T>? RunningVariance { get; }

    /// <summary>Gets or sets the number of training batches that the running statistics have seen, empty ones included.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    /// <exception cref="InvalidOperationException">The layer does not track running statistics, and the value is set.</exception>
    public long BatchesTracked
    {
        get => _batchesTracked;
        set
        {
            if (RunningMean is null)
                throw new InvalidOperationException(TrackingNeeded);
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _batchesTracked = value;
        }
    }

    /// <summary>
    /// Gets or sets the share of the new batch: running = (1 - momentum) · running + momentum · batch. Null gives every batch the
    /// same weight: the share is then 1 / <see cref="BatchesTracked"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value lies outside [0, 1].</exception>
    public double? Momentum
    {
        get => _momentum;
        set
        {
            Guard.Momentum(value);
            _momentum = value;
        }
    }

    /// <summary>
    /// Gets or sets a value indicating whether training uses the running statistics and leaves them and
    /// <see cref="BatchesTracked"/> as they are, as evaluation does; initially it does not. For fine-tuning with frozen statistics.
    /// </summary>
    /// <remarks>
    /// Training then computes what evaluation computes, and still remembers what <c>Backward</c> needs: dx = r · γ · dy, and dγ with x̂ by
    /// the running statistics. One value for each channel is enough. Evaluation is as always, and γ and β go on learning; to freeze
    /// them see <see cref="Parameter{T}.RequiresGradient"/>.
    /// </remarks>
    /// <exception cref="InvalidOperationException">The layer does not track running statistics, and the value is set to true.</exception>
    public bool UseRunningStatistics
    {
        get => _useRunningStatistics;
        set
        {
            if (value && RunningMean is null)
                throw new InvalidOperationException(TrackingNeeded);
            _useRunningStatistics = value;
        }
    }

    private protected override bool HasFixedStatistics => RunningMean is not null && (!IsTraining || UseRunningStatistics);

    /// <summary>Sets the running mean to zeros, the running variance to ones and <see cref="BatchesTracked"/> to 0; nothing to do without tracking.</summary>
    public void ResetRunningStatistics()
    {
        RunningMean?.Fill(T.Zero);
        RunningVariance?.Fill(T.One);
        _batchesTracked = 0;
    }

    private protected override void GuardOutput(ReadOnlySpan<T> output)
    {
        if (RunningMean is null || RunningVariance is null)
            return;
        Guard.Apart<T, T>(output, RunningMean.Span, nameof(output), nameof(RunningMean));
        Guard.Apart<T, T>(output, RunningVariance.Span, nameof(output), nameof(RunningVariance));
    }

    private protected override void FillFixedStatistics(Span<GroupStatistics> statistics) =>
        RunningStatistics.Fix<T>(RunningMean!.Span, RunningVariance!.Span, Epsilon, statistics);

    private protected override void Track(ReadOnlySpan<GroupStatistics> statistics, double elementsPerGroup)
    {
        if (RunningMean is null || RunningVariance is null)
            return;
        _batchesTracked++;
        if (!statistics.IsEmpty)
        {
            RunningStatistics.Update(
                statistics, elementsPerGroup, Momentum ?? (1.0 / _batchesTracked), RunningMean.Span, RunningVariance.Span);
        }
    }

    /// <summary>Throws unless the rank fits and the channels are this layer's, whose number stands for {0} in what was expected.</summary>
    private protected void GuardInput(ReadOnlySpan<int> shape, int channelDimension, bool rankFits, string expected)
    {
        if (!rankFits || shape[channelDimension] != NumFeatures)
            throw Guard.InputError($"expected input {expected.Replace("{0}", $"{NumFeatures}", StringComparison.Ordinal)}, got {Format(shape)}");
    }

    private static int Checked(int numFeatures, double? momentum)
    {
        Guard.Positive(numFeatures);
        Guard.Momentum(momentum);
        return numFeatures;
    }
}
