using System.Numerics;
using Normalization.Kernels.Simd;

namespace Normalization;

/// <summary>
/// A layer over [N, C, ...] or [N, ..., C] that can follow the statistics of its channels in training and use them in evaluation.
/// </summary>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public abstract class RunningStatisticsLayer<T> : NormalizationLayer<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const string TrackingNeeded = "The layer does not track running statistics; construct it with trackRunningStatistics: true.";

    // The running statistics before they were rounded to float: the next batch starts from these. Doubles need none.
    private readonly double[] _unrounded = [];

    // The number of batches; null without tracking.
    private readonly StateCounter? _batchesTracked;

    // How many of the tracked batches had no elements. Such batches have no weight in the cumulative average.
    private long _emptyBatches;
    private readonly ChannelAxis _channelAxis;
    private double? _momentum;
    private bool _useRunningStatistics;

    /// <summary>Creates a layer in training mode, with one γ and one β for each channel.</summary>
    /// <param name="numFeatures">The number of channels C; at least 1.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="momentum">The share of the new batch in the running statistics, in [0, 1]; null for the cumulative average.</param>
    /// <param name="affine">Whether there are γ and β.</param>
    /// <param name="trackRunningStatistics">Whether running statistics are kept, and used in evaluation.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value lies outside its range.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    protected RunningStatisticsLayer(int numFeatures, double epsilon, double? momentum, bool affine, bool trackRunningStatistics)
        : base(epsilon, [Checked(numFeatures, momentum)], affine, affine)
    {
        NumFeatures = numFeatures;
        _momentum = momentum;
        if (trackRunningStatistics)
        {
            RunningMean = new(numFeatures);
            RunningVariance = new(numFeatures);
            _unrounded = typeof(T) == typeof(float) ? new double[2 * numFeatures] : _unrounded;
            RegisterBuffer("running_mean", RunningMean);
            RegisterBuffer("running_var", RunningVariance, isNonNegative: true);

            // PyTorch before 0.4.1 did not count, and neither do other frameworks.
            _batchesTracked = RegisterCounter("num_batches_tracked", isOptional: true);
            ResetRunningStatistics();
        }
    }

    /// <summary>Gets the number of channels, C of [N, C, ...].</summary>
    public int NumFeatures { get; }

    /// <summary>Gets where the channels stand in the shape of the input; initially <see cref="ChannelAxis.First"/>.</summary>
    /// <remarks>
    /// With <see cref="ChannelAxis.Last"/> the input is [N, ..., C], wherever this documentation says [N, C, ...]. Parameters, state and
    /// the shapes of a scale and a shift do not change.
    /// </remarks>
    /// <example>
    /// <code>
    /// var norm = new BatchNorm2d&lt;float>(64) { ChannelAxis = ChannelAxis.Last };  // images as [N, H, W, 64]
    /// </code>
    /// </example>
    /// <exception cref="ArgumentOutOfRangeException">There is no such axis.</exception>
    public ChannelAxis ChannelAxis
    {
        get => _channelAxis;
        init => _channelAxis = Guard.Axis(value, nameof(ChannelAxis));
    }

    /// <summary>Gets the running mean of each channel, initially zeros; null without tracking.</summary>
    public Tensor<T>? RunningMean { get; }

    /// <summary>
    /// Gets the running variance of each channel, initially ones; null without tracking. It is the unbiased one, unless
    /// <see cref="HasBiasedRunningVariance"/> says otherwise.
    /// </summary>
    public Tensor<T>? RunningVariance { get; }

    /// <summary>
    /// Gets or sets the number of training batches that the running statistics have seen, empty ones included. It does not count beyond
    /// <see cref="long.MaxValue"/>. A number that is set stands for batches that all had elements.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    /// <exception cref="InvalidOperationException">The layer does not track running statistics, and the value is set.</exception>
    public long BatchesTracked
    {
        get => _batchesTracked?.Value ?? 0;
        set
        {
            if (_batchesTracked is null)
                throw new InvalidOperationException(TrackingNeeded);
            Guard.NotNegative(value, nameof(BatchesTracked));
            _batchesTracked.Value = value;
            OnStateLoaded();
        }
    }

    /// <summary>
    /// Gets or sets the share of the new batch: running = (1 - momentum) · running + momentum · batch. Null gives every batch the same
    /// weight: the share is then 1 / <see cref="BatchesTracked"/>, where empty batches do not count. With 0 no batch changes the running
    /// statistics.
    /// </summary>
    /// <remarks>
    /// The next batch starts from the running statistics in double, not from their rounded values. So the cumulative average, or an average
    /// with a small momentum, also follows steps below one unit in the last place. Values that are written to <see cref="RunningMean"/> or
    /// <see cref="RunningVariance"/>, or loaded, replace the values in double.
    /// </remarks>
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
    /// Gets or sets a value indicating whether training uses the running statistics, as evaluation does, and changes neither them nor <see
    /// cref="BatchesTracked"/>. The initial value is false. Set it to true for fine-tuning with frozen statistics.
    /// </summary>
    /// <remarks>
    /// Training then computes what evaluation computes, and still remembers what <c>Backward</c> needs: dx = r · γ · dy, and dγ with x̂ by
    /// the running statistics. One value for each channel is enough. Evaluation does not change, and γ and β are still trained; to
    /// freeze them see <see cref="Parameter{T}.RequiresGradient"/>.
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

    /// <summary>
    /// Gets a value indicating whether the running variance follows the biased variance of the batches, as in Keras, Flax and ONNX: the sum
    /// of the squared differences divided by the number m of elements. By default it follows the unbiased variance, which is divided by
    /// m - 1, as in PyTorch.
    /// </summary>
    /// <remarks>
    /// Set it to continue the training of a model of one of those frameworks. It decides what training adds to
    /// <see cref="RunningVariance"/>. It does not change what is stored there, and evaluation uses what is stored. It is not a part of the
    /// state.
    /// </remarks>
    /// <example>
    /// <code>
    /// var norm = new BatchNorm2d&lt;float>(64, epsilon: 1e-3, momentum: 0.01) { HasBiasedRunningVariance = true };  // as in Keras
    /// </code>
    /// </example>
    public bool HasBiasedRunningVariance { get; init; }

    /// <inheritdoc/>
    protected override string Configuration
    {
        get
        {
            string momentum = Momentum is double share ? $"{share}" : "null";
            return $"{NumFeatures}, epsilon: {Epsilon}, momentum: {momentum}, affine: {Weight is not null}, "
                + $"trackRunningStatistics: {RunningMean is not null}"
                + (HasBiasedRunningVariance ? ", hasBiasedRunningVariance: True" : "")
                + AxisText;
        }
    }

    /// <summary>
    /// Sets the running mean to zeros, the running variance to ones and <see cref="BatchesTracked"/> to 0. A layer that tracks no
    /// statistics does nothing.
    /// </summary>
    public void ResetRunningStatistics()
    {
        RunningMean?.Fill(T.Zero);
        RunningVariance?.Fill(T.One);
        if (_batchesTracked is not null)
            BatchesTracked = 0;
    }

    /// <summary>
    /// Begins to take the running statistics anew from the samples of the forward passes that follow: precise BatchNorm, update_bn, AdaBN.
    /// </summary>
    /// <remarks><see cref="Recalibration{T}"/> has the rules.</remarks>
    /// <param name="method">How the statistics of the batches become those of the population.</param>
    /// <returns>What gathers the statistics; call <see cref="Recalibration{T}.Complete"/> after the passes, and dispose it.</returns>
    /// <exception cref="InvalidOperationException">The layer does not track running statistics, or a recalibration is under
    /// way.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such method.</exception>
    public Recalibration<T> Recalibrate(RecalibrationMethod method = RecalibrationMethod.Pooled) =>
        RunningMean is null ? throw new InvalidOperationException(TrackingNeeded) : new([("", this)], method);

    /// <summary>Gets what the configuration says of the axis.</summary>
    private protected string AxisText => ChannelAxis == ChannelAxis.First ? "" : $", channelAxis: {ChannelAxis}";

    /// <summary>The shape of an input, and what is expected of it.</summary>
    private protected InputShape ShapeOf(ReadOnlySpan<int> shape) => new(shape, NumFeatures, ChannelAxis);

    /// <summary>Gets a value indicating whether each sample has statistics of its own, over which running statistics are
    /// averaged.</summary>
    internal virtual bool HasStatisticsOfSamples => false;

    /// <summary>Writes the statistics of a population, and leaves the count of batches.</summary>
    internal void SetRunningStatistics(StatisticsAccumulator seen)
    {
        if (RunningMean is null || RunningVariance is null)
            return;
        for (int channel = 0; channel < NumFeatures; channel++)
        {
            (double mean, double variance) = seen.Population(channel);
            (RunningMean.Span[channel], RunningVariance.Span[channel]) = (Element.FromDouble<T>(mean), Element.FromDouble<T>(variance));
            if (_unrounded.Length > 0)
                (_unrounded[channel], _unrounded[NumFeatures + channel]) = (mean, variance);
        }
    }

    /// <inheritdoc/>
    protected override FixedStatistics<T>? FixedStatisticsFor(bool isTraining) =>
        RunningMean is not null && RunningVariance is not null && (!isTraining || _useRunningStatistics)
            ? new(RunningMean, RunningVariance)
            : null;

    /// <inheritdoc/>
    protected override void OnInputStatistics(InputStatistics statistics)
    {
        if (RunningMean is null || RunningVariance is null || _batchesTracked is null)
            return;
        _batchesTracked.Increment();
        if (statistics.GroupCount == 0)
        {
            _emptyBatches++;
            return;
        }
        double momentum = _momentum ?? (1.0 / Math.Max(1, _batchesTracked.Value - _emptyBatches));
        statistics.UpdateRunning(momentum, RunningMean.Span, RunningVariance.Span, _unrounded, HasBiasedRunningVariance);
    }

    /// <summary>Starts the next batch from the running statistics as they are stored: a state consists of rounded values.</summary>
    protected override void OnStateLoaded()
    {
        if (RunningMean is null || RunningVariance is null)
            return;
        _emptyBatches = 0;
        for (int i = 0; i < _unrounded.Length; i++)
            _unrounded[i] = Element.ToDouble(i < NumFeatures ? RunningMean.Span[i] : RunningVariance.Span[i - NumFeatures]);
    }

    private static int Checked(int numFeatures, double? momentum)
    {
        Guard.Positive(numFeatures);
        Guard.Momentum(momentum);
        return numFeatures;
    }
}
