using System.Numerics;

namespace Normalization;

/// <summary>
/// Batch renormalization of [N, C] or [N, C, ...]: training computes y = (x̂ · r + d) · γ + β, where x̂ is normalized by the batch, and r
/// and d take it toward the running statistics: r = σ_B / σ, limited to [1 / r_max, r_max], and d = (μ_B - μ) / σ, limited to [-d_max,
/// d_max].
/// </summary>
/// <remarks>
/// <para>
/// Where no limit is reached, training computes what evaluation computes, however small the batch is or however it was drawn: x̂ · r + d
/// is (x - μ) / σ. The backward pass takes r and d as constants. μ and σ = √(running variance + ε) are those before the batch moves them.
/// </para>
/// <para>
/// The limits open by the number of batches, <see cref="RunningStatisticsLayer{T}.BatchesTracked"/>, which is a part of the state: up to
/// <see cref="WarmUpStart"/> batches r_max is 1 and d_max is 0, which is BatchNorm. Then r_max grows evenly to <see cref="MaxScale"/>,
/// which it reaches at <see cref="MaxScaleBatches"/> batches, and d_max to <see cref="MaxShift"/> at <see cref="MaxShiftBatches"/>
/// batches. Afterwards they stay.
/// </para>
/// <para>
/// The state has the keys of BatchNorm. Evaluation, folding, synchronization, frozen statistics and the errors are those of <see
/// cref="BatchNorm{T}"/>. Training refuses virtual batches and micro-batches. The momentum is by default 0.01, as in the paper, because
/// the running statistics must follow slowly. A pass reads its input twice, which BatchNorm does not. Ioffe: Batch Renormalization:
/// Towards Reducing Minibatch Dependence in Batch-Normalized Models, 2017, arXiv:1702.03275.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var norm = new BatchRenorm&lt;float&gt;(3) { WarmUpStart = 1000, MaxShiftBatches = 5000, MaxScaleBatches = 8000 };
/// var images = Tensor&lt;float&gt;.RandomNormal([4, 3, 8, 8], seed: 1, mean: 5);
/// Tensor&lt;float&gt; y = norm.Forward(images);  // during the warm-up that of BatchNorm
/// Tensor&lt;float&gt; imageGradient = norm.Backward(y);
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
/// <param name="numFeatures">The number of channels C; at least 1.</param>
/// <param name="epsilon">ε, added to the variance; at least 0.</param>
/// <param name="momentum">The share of the new batch in the running statistics, in [0, 1]; null for the cumulative average.</param>
/// <param name="affine">Whether there are γ and β.</param>
/// <exception cref="ArgumentOutOfRangeException">A value lies outside its range.</exception>
/// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
public sealed class BatchRenorm<T>(int numFeatures, double epsilon = 1e-5, double? momentum = 0.01, bool affine = true)
    : BatchNorm<T>(numFeatures, epsilon, momentum, affine, trackRunningStatistics: true)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private double _maxScale = 3;
    private double _maxShift = 5;
    private long _warmUpStart = 5000;
    private long _maxScaleBatches = 40_000;
    private long _maxShiftBatches = 25_000;

    /// <summary>Gets r_max once it is reached; initially 3.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1 or not finite.</exception>
    public double MaxScale
    {
        get => _maxScale;
        init => _maxScale = value >= 1 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxScale), $"MaxScale must be finite and at least 1, got {value}.");
    }

    /// <summary>Gets d_max once it is reached; initially 5.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 0 or not finite.</exception>
    public double MaxShift
    {
        get => _maxShift;
        init => _maxShift = value >= 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxShift), $"MaxShift must be finite and at least 0, got {value}.");
    }

    /// <summary>Gets the number of batches up to which training is that of BatchNorm; initially 5,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public long WarmUpStart
    {
        get => _warmUpStart;
        init => _warmUpStart = Checked(value, nameof(WarmUpStart));
    }

    /// <summary>Gets the number of batches at which r_max is reached; initially 40,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public long MaxScaleBatches
    {
        get => _maxScaleBatches;
        init => _maxScaleBatches = Checked(value, nameof(MaxScaleBatches));
    }

    /// <summary>Gets the number of batches at which d_max is reached; initially 25,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public long MaxShiftBatches
    {
        get => _maxShiftBatches;
        init => _maxShiftBatches = Checked(value, nameof(MaxShiftBatches));
    }

    /// <summary>Gets r_max for the next batch.</summary>
    public double CurrentMaxScale => 1 + ((_maxScale - 1) * Progress(_maxScaleBatches));

    /// <summary>Gets d_max for the next batch.</summary>
    public double CurrentMaxShift => _maxShift * Progress(_maxShiftBatches);

    /// <inheritdoc/>
    protected override string Configuration
    {
        get
        {
            string share = Momentum is double value ? $"{value}" : "null";
            return $"{NumFeatures}, epsilon: {Epsilon}, momentum: {share}, affine: {Weight is not null}, "
                + $"maxScale: {MaxScale}, maxShift: {MaxShift}{AxisText}";
        }
    }

    /// <inheritdoc/>
    protected override bool CorrectsInput => true;

    /// <inheritdoc/>
    protected override void Correct(InputStatistics statistics, Span<double> scale, Span<double> shift)
    {
        ReadOnlySpan<T> mean = RunningMean!.Span, variance = RunningVariance!.Span;
        double maxScale = CurrentMaxScale, maxShift = CurrentMaxShift;
        for (int i = 0; i < scale.Length; i++)
        {
            double batch = Math.Sqrt(statistics.GetVariance(i) + Epsilon);
            double running = Math.Sqrt(double.CreateChecked(variance[i]) + Epsilon);
            double offset = statistics.GetMean(i) - double.CreateChecked(mean[i]);
            // Without a deviation on both sides nothing is corrected.
            scale[i] = batch == running ? 1 : Math.Clamp(batch / running, 1 / maxScale, maxScale);
            shift[i] = offset == 0 ? 0 : Math.Clamp(offset / running, -maxShift, maxShift);
        }
    }

    private static long Checked(long value, string name)
    {
        Guard.NotNegative(value, name);
        return value;
    }

    private double Progress(long reached)
    {
        double batches = BatchesTracked - _warmUpStart;
        return batches < 0 ? 0 : reached <= _warmUpStart ? 1 : Math.Min(1, batches / (reached - _warmUpStart));
    }
}
