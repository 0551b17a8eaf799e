using System.Numerics;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization;

/// <summary>
/// Batch normalization: y = (x - μ) / √(σ² + ε) · γ + β with the statistics of each channel over the batch and all positions,
/// and one γ and β for each channel. σ² is the biased variance.
/// </summary>
/// <remarks>
/// Training uses the statistics of the batch and moves the running ones, whose variance is the unbiased one; evaluation, and training with
/// <see cref="RunningStatisticsLayer{T}.UseRunningStatistics"/>, uses the running statistics. If the layer tracks none, evaluation uses the
/// statistics of its batch. An empty batch gives an empty output, does not change the running statistics and counts in <see
/// cref="RunningStatisticsLayer{T}.BatchesTracked"/>. Ioffe, Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing
/// Internal Covariate Shift, 2015, arXiv:1502.03167.
/// </remarks>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public abstract class BatchNorm<T> : RunningStatisticsLayer<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly int? _virtualBatchSize;

    /// <summary>Creates a layer in training mode.</summary>
    /// <param name="numFeatures">The number of channels C; at least 1.</param>
    /// <param name="epsilon">ε, added to the variance; at least 0.</param>
    /// <param name="momentum">The share of the new batch in the running statistics, in [0, 1]; null for the cumulative average.</param>
    /// <param name="affine">Whether there are γ and β.</param>
    /// <param name="trackRunningStatistics">Whether running statistics are kept; without them evaluation uses the batch's own.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value lies outside its range.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    protected BatchNorm(int numFeatures, double epsilon, double? momentum, bool affine, bool trackRunningStatistics)
        : base(numFeatures, epsilon, momentum, affine, trackRunningStatistics)
    {
    }

    /// <summary>Gets a value indicating whether training shares its statistics with other ranks.</summary>
    public bool IsSynchronized => SharesStatistics;

    /// <summary>
    /// Gets the number of samples in a virtual ("ghost") batch: training takes the statistics of each piece of so many samples by itself.
    /// Null, the default, is the whole batch.
    /// </summary>
    /// <remarks>
    /// <para>
    /// The pieces lie one after another in the batch. A remainder joins the last piece: 11 samples with a size of 4 are pieces of 4 and
    /// 7. A batch with fewer samples than two pieces is one piece. Each piece moves the running statistics once and counts once in
    /// <see cref="RunningStatisticsLayer{T}.BatchesTracked"/>. Outputs, gradients and running statistics have the bits of a pass for each
    /// piece in turn. Evaluation does not change, also where it takes the statistics of the batch.
    /// </para>
    /// <para>
    /// The groups of a <see cref="ForwardContext{T}"/> are then the channels of the first piece, those of the second, and so on. A layer
    /// with virtual batches cannot be synchronized. Hoffer, Hubara, Soudry: Train longer, generalize better, 2017, arXiv:1705.08741.
    /// </para>
    /// </remarks>
    /// <example>
    /// <code>
    /// var norm = new BatchNorm2d&lt;float>(16) { VirtualBatchSize = 32 };
    /// norm.Forward(Tensor&lt;float>.RandomNormal([70, 16, 4, 4], seed: 1));  // statistics of the first 32 images and of the other 38
    /// </code>
    /// </example>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive.</exception>
    public int? VirtualBatchSize
    {
        get => _virtualBatchSize;
        init
        {
            if (value is int size)
                Guard.Positive(size, nameof(VirtualBatchSize));
            _virtualBatchSize = value;
        }
    }

    /// <inheritdoc/>
    protected override string Configuration =>
        base.Configuration + (VirtualBatchSize is int size ? $", virtualBatchSize: {size}" : "");

    /// <summary>
    /// From now on training takes its batch statistics over the batches of all ranks: k ranks, each with a part of a batch, compute what
    /// one rank computes with the whole batch. All ranks must call this, for equal layers in the same order.
    /// </summary>
    /// <remarks>
    /// <para>
    /// In training each forward and each backward pass is then one <see cref="ICollective.AllGather"/>, in which every rank takes
    /// part, even one whose batch is empty. All ranks get the same bits: the same statistics, and the same running statistics if
    /// they began with the same. Outputs and input gradients are those of the rank's own part. Evaluation exchanges nothing.
    /// </para>
    /// <para>
    /// The input gradient is that of the sum of all ranks' losses. The gradients of γ and β are those of the rank's own part; add
    /// them over the ranks, as those of all other parameters, with
    /// <see cref="CollectiveExtensions.AllReduceGradients{T}(ICollective, IReadOnlyList{Parameter{T}}, bool)"/>. One value per channel is
    /// an error only if all ranks together have one.
    /// </para>
    /// <para>
    /// The pass throws on all ranks if the arguments of one rank are refused, if the ranks call different layers, or if one rank has made a
    /// call without the others. The order of the calls of this method says which layers belong together, also where the layers are equal.
    /// After such an error the ranks can continue with the next pass.
    /// </para>
    /// </remarks>
    /// <param name="collective">The ranks, which share the statistics, one object for all layers; null, or a single rank, ends the
    /// synchronization.</param>
    /// <exception cref="CollectiveException">The ranks' layers differ in channels, type or ε, or the exchange failed. The passes throw
    /// it too.</exception>
    /// <exception cref="InvalidOperationException">The layer has virtual batches (<see cref="VirtualBatchSize"/>).</exception>
    public void Synchronize(ICollective? collective)
    {
        if (VirtualBatchSize is not null && collective is { Size: > 1 })
        {
            Synchronization.Refuse(collective);
            throw new InvalidOperationException(
                "A layer with a VirtualBatchSize cannot be synchronized: its statistics are those of pieces of the batch. Construct it "
                    + "without VirtualBatchSize.");
        }
        ShareStatistics(collective, NumFeatures);
    }

    /// <summary>
    /// Returns the evaluation of the layer as y = x · scale + shift for each channel: scale = γ / √(σ² + ε), shift = β - μ · scale,
    /// with the running μ and σ². <see cref="BatchNormFolding"/> puts these two into the weights of the layer before.
    /// </summary>
    /// <remarks>
    /// Both are computed in double and rounded once. This form is less accurate than the layer: it loses digits where |μ| is large against
    /// the deviation. The layer keeps these digits, because it subtracts the mean first. Where |μ| is 10⁴ deviations, floats keep about
    /// three digits of y. A value beyond the range of <typeparamref name="T"/> becomes infinite.
    /// </remarks>
    /// <returns>The scale and the shift of each channel, new tensors of shape [C].</returns>
    /// <exception cref="InvalidOperationException">The layer is in training mode, does not track running statistics, or has an activation.
    /// </exception>
    public (Tensor<T> Scale, Tensor<T> Shift) Fold()
    {
        ChannelMap[] channels = FoldChannels();
        Tensor<T> scale = new(channels.Length), shift = new(channels.Length);
        for (int i = 0; i < channels.Length; i++)
        {
            scale.Span[i] = Element.FromDouble<T>(channels[i].Scale);
            shift.Span[i] = Element.FromDouble<T>(channels[i].Of(0));
        }
        return (scale, shift);
    }

    /// <summary>What evaluation does to each channel, in double.</summary>
    internal ChannelMap[] FoldChannels()
    {
        if (IsTraining)
        {
            throw new InvalidOperationException(
                "Only evaluation can be folded, training uses the statistics of each batch; call Eval() first.");
        }
        if (Activation != Activation.None)
        {
            throw new InvalidOperationException(
                $"A layer with the activation {Activation} is no scale and shift. Fold a layer without one, and apply the activation "
                    + "behind.");
        }
        if (FixedStatisticsFor(isTraining: false) is not FixedStatistics<T> given)
        {
            throw new InvalidOperationException(
                "Without running statistics there is nothing to fold. Construct the layer with trackRunningStatistics: true.");
        }
        var channels = new ChannelMap[NumFeatures];
        ChannelMap.Fill(given.Mean.Span, given.Variance.Span, ValueOf(Weight), ValueOf(Bias), Epsilon, channels);
        return channels;
    }

    /// <summary>Takes [N, C, ...], or [N, ..., C], of any rank from 2 on.</summary>
    /// <inheritdoc/>
    protected override NormalizationPlan PlanFor(ReadOnlySpan<int> shape) =>
        ShapeOf(shape).Batch(shape.Length >= 2).InVirtualBatches(VirtualBatchSize);

    /// <inheritdoc/>
    protected override void GuardStatistics(NormalizationPlan plan, ReadOnlySpan<int> shape)
    {
        if (plan.ElementsPerGroup == 1)
        {
            string pieces = VirtualBatchSize is int size ? $" in virtual batches of {size}" : "";
            throw Guard.InputError(
                $"Batch statistics need more than one value per channel, got the input {Shape.Format(shape)}{pieces}: the variance would "
                    + "be 0. Use a larger batch, or the running statistics by Eval() or UseRunningStatistics.");
        }
    }
}
