using System.Numerics;
using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization;

/// <summary>
/// A batch whose parts go through a BatchNorm one after another, and that is normalized as a whole: exact BatchNorm for gradient
/// accumulation. Outputs, gradients and running statistics are those of the whole batch, to two units in the last place of the largest
/// value, or, for the gradients of parameters, of the sum of the magnitudes of their terms.
/// </summary>
/// <remarks>
/// <para>
/// Statistics of the whole batch exist only when every part has been seen. So each direction has two phases. Forward: <see cref="Observe"/>
/// for every part, then a forward pass for every part, with a context whose <see cref="ForwardContext{T}.MicroBatches"/> is this object.
/// Backward: <see cref="ObserveGradient"/> for every part, then a backward pass for every part. A network therefore takes all parts through
/// one BatchNorm before any part goes to the next one.
/// </para>
/// <para>
/// The first forward pass moves the running statistics, once for the batch. The first backward pass adds to the gradients of γ and β,
/// once for the batch. Parts may have any size, also 0, and their order decides the last bits. One value per channel is an error only if
/// the whole batch has one. In a synchronized layer the parts of all ranks are one batch, and each direction is one message. In
/// evaluation, and with <see cref="RunningStatisticsLayer{T}.UseRunningStatistics"/>, passes do not use this object.
/// </para>
/// <para>
/// The next call of <see cref="Observe"/> after the forward passes begins the next batch. An object keeps its memory, and belongs to one
/// thread at a time.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var norm = new BatchNorm1d&lt;float>(4);
/// var batch = new MicroBatches&lt;float>(norm);
/// Tensor&lt;float>[] inputs = [Tensor&lt;float>.RandomNormal([8, 4], seed: 1), Tensor&lt;float>.RandomNormal([8, 4], seed: 2)];
/// Tensor&lt;float>[] outputs = [new(8, 4), new(8, 4)];
/// ForwardContext&lt;float>[] contexts = [new() { MicroBatches = batch }, new() { MicroBatches = batch }];
/// foreach (Tensor&lt;float> input in inputs)
///     batch.Observe(input);
/// for (int i = 0; i &lt; 2; i++)
///     norm.Forward(inputs[i], outputs[i], contexts[i]);
///
/// for (int i = 0; i &lt; 2; i++)
///     batch.ObserveGradient(outputs[i], contexts[i]);
/// for (int i = 0; i &lt; 2; i++)
///     norm.Backward(outputs[i], outputs[i], contexts[i]);
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class MicroBatches<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly BatchNorm<T> _layer;
    private readonly GroupStatistics[] _statistics;
    private readonly Sums[] _own;
    private readonly Sums[] _total;

    // The moments of all channels of the first part, then those of the second, and so on.
    private CountedMoments[] _moments = [];
    private int _parts;

    // How many elements of each channel were observed, normalized, and observed backward.
    private double _observed;
    private double _normalized;
    private double _gradients;
    private bool _hasTotals;

    // A pass has moved the running statistics.
    private bool _isFollowed;

    /// <summary>Creates a batch without parts.</summary>
    /// <param name="layer">The layer that the parts go through.</param>
    /// <exception cref="ArgumentNullException"><paramref name="layer"/> is null.</exception>
    /// <exception cref="ArgumentException">The layer has virtual batches (<see cref="BatchNorm{T}.VirtualBatchSize"/>).</exception>
    public MicroBatches(BatchNorm<T> layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        if (layer.VirtualBatchSize is not null)
            throw new ArgumentException("A layer with a VirtualBatchSize has no statistics of the whole batch.", nameof(layer));
        _layer = layer;
        _statistics = new GroupStatistics[layer.NumFeatures];
        _own = new Sums[layer.NumFeatures];
        _total = new Sums[layer.NumFeatures];
    }

    /// <summary>Gets the number of the batch, by which a context knows whether it belongs to the present one.</summary>
    internal long Number { get; private set; } = 1;

    /// <summary>Gets a value indicating whether the parts have become one batch, in which a pass need not ask other ranks.</summary>
    internal bool IsMerged { get; private set; }

    /// <summary>Gets a value indicating whether the sums of all parts are there, so that a backward pass need not ask other
    /// ranks.</summary>
    internal bool HasTotals => _hasTotals;

    /// <summary>Gets how many elements the channels of the whole batch have, on all ranks together.</summary>
    internal double Elements { get; private set; }

    /// <summary>Takes the statistics of one part of a batch. The first part after forward passes begins the next batch.</summary>
    /// <param name="input">The input of the part, of a shape that the layer accepts. It is not remembered.</param>
    /// <exception cref="ArgumentNullException"><paramref name="input"/> is null.</exception>
    /// <exception cref="ArgumentException">The shape does not fit the layer.</exception>
    /// <exception cref="InvalidOperationException">The layer is in evaluation mode, or uses its running statistics.</exception>
    public void Observe(Tensor<T> input)
    {
        ArgumentNullException.ThrowIfNull(input);
        Plan plan = _layer.DescribePart(input);
        if (IsMerged)
            Clear();
        int channels = _statistics.Length, needed = checked((_parts + 1) * channels);
        if (_moments.Length < needed)
            Array.Resize(ref _moments, Math.Max(needed, 2 * _moments.Length));
        double count = plan.ElementsPerGroup;
        Launch.Moments(plan, input.Span, _statistics);
        for (int channel = 0; channel < channels; channel++)
            _moments[(_parts * channels) + channel] = CountedMoments.Of(_statistics[channel], count);
        _parts++;
        _observed += count;
    }

    /// <summary>Takes the sums of one part that the input gradients of all parts need.</summary>
    /// <param name="outputGradient">The gradient of the output of the part.</param>
    /// <param name="context">The context of the forward pass of the part, with its input.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The shape is not that of the forward pass.</exception>
    /// <exception cref="InvalidOperationException">
    /// The context does not remember a part of this batch with its input, the input has changed since then, or the batch has gone backward.
    /// </exception>
    public void ObserveGradient(Tensor<T> outputGradient, ForwardContext<T> context)
    {
        ArgumentNullException.ThrowIfNull(outputGradient);
        ArgumentNullException.ThrowIfNull(context);
        using ForwardContext<T>.Usage usage = ForwardContext<T>.Use(context);
        ReadOnlySpan<T> x = _layer.GuardPart(outputGradient, context);
        GuardPart(context);
        double count = context.Plan.ElementsPerGroup;
        if (_hasTotals || _gradients + count > _observed)
            throw new InvalidOperationException("The gradients of all parts of this batch have been observed already.");
        using var scratch = new Scratch<Sums>(_own.Length);
        Launch.GradientSums(context.Plan, x, outputGradient.Span, context.Statistics, scratch.Span);
        for (int channel = 0; channel < _own.Length; channel++)
            _own[channel].Add(scratch.Span[channel]);
        _gradients += count;
    }

    /// <summary>Throws unless a context remembers a part of the present batch.</summary>
    internal void GuardPart(ForwardContext<T> context)
    {
        if (context.Batch != this || context.BatchNumber != Number)
        {
            throw new InvalidOperationException(
                "The context does not remember a part of this batch: it belongs to another batch, or to one before this.");
        }
    }

    /// <summary>Throws unless a part of so many elements of this layer in each channel can still be normalized.</summary>
    internal void GuardObserved(NormalizationLayer<T> layer, double count)
    {
        if (layer != _layer)
            throw new InvalidOperationException("The MicroBatches of the context are those of another layer.");
        if (_parts == 0 || _normalized + count > _observed)
        {
            throw new InvalidOperationException(
                $"The parts that were observed have {_observed} values in each channel, of which {_normalized} were normalized, got a part "
                    + $"of {count}. Call Observe for every part before the first Forward.");
        }
    }

    /// <summary>The statistics of the whole batch, merged at the first call; none for a batch without elements.</summary>
    internal Span<GroupStatistics> Merge(Synchronization? ranks, double epsilon)
    {
        if (!IsMerged)
        {
            double elements = _observed;
            using var parts = new Scratch<CountedMoments>(_parts);
            for (int channel = 0; channel < _statistics.Length && elements > 0; channel++)
            {
                for (int part = 0; part < _parts; part++)
                    parts.Span[part] = _moments[(part * _statistics.Length) + channel];
                _statistics[channel] = CountedMoments.Merge<T>(parts.Span, epsilon);
            }
            Elements = ranks?.MergeMoments<T>(_statistics, elements, elements, epsilon).Elements ?? elements;
            IsMerged = true;
        }
        return Elements == 0 ? default : _statistics;
    }

    /// <summary>Counts a part that is normalized, and says whether it was the first one.</summary>
    internal bool CountNormalized(double count)
    {
        bool isFirst = !_isFollowed;
        _isFollowed = true;
        _normalized += count;
        return isFirst;
    }

    /// <summary>The sums of the whole batch. The first call gives those of this rank too, for the gradients of the parameters.</summary>
    internal Span<Sums> Total(Synchronization? ranks, out ReadOnlySpan<Sums> own)
    {
        own = default;
        if (!_hasTotals)
        {
            if (ranks is null)
                _own.CopyTo(_total, 0);
            else
                ranks.AddSums(_own, _total, Elements);
            _hasTotals = true;
            own = _own;
        }
        return _total;
    }

    /// <summary>Throws unless the gradients of all parts have been observed.</summary>
    internal void GuardGradients()
    {
        if (_gradients < _observed)
        {
            throw new InvalidOperationException(
                $"The gradients of {_gradients} of the {_observed} values in each channel have been observed. Call ObserveGradient for "
                    + "every part before the first Backward.");
        }
    }

    private void Clear()
    {
        Number++;
        (_parts, _observed, _normalized, _gradients, Elements) = (0, 0, 0, 0, 0);
        (IsMerged, _hasTotals, _isFollowed) = (false, false, false);
        Array.Clear(_own);
    }
}
