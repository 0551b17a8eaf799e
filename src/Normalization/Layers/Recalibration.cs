using System.Numerics;

namespace Normalization;

/// <summary>
/// Takes the running statistics of layers anew from the samples that go through them (precise BatchNorm, update_bn, AdaBN). Call
/// Recalibrate, run forward passes over the data, and call <see cref="Complete"/>.
/// </summary>
/// <remarks>
/// <para>
/// <see cref="RunningStatisticsLayer{T}.Recalibrate"/> begins a recalibration of one layer, <c>LayerDictionary.Recalibrate</c> one of
/// all layers of a model that track running statistics. Until the end, forward passes of these layers normalize by the statistics of
/// their input, as training does, in whichever mode the layer is, and these statistics are gathered. Running statistics do not move
/// meanwhile.
/// </para>
/// <para>
/// <see cref="Complete"/> writes the running mean and the running variance of every layer: the unbiased variance, or the biased one where
/// the layer has <see cref="RunningStatisticsLayer{T}.HasBiasedRunningVariance"/>. The mode,
/// <see cref="RunningStatisticsLayer{T}.Momentum"/>, <see cref="RunningStatisticsLayer{T}.BatchesTracked"/> and all else are as before.
/// Without a call of Complete, <see cref="Dispose"/> abandons the recalibration, and nothing has changed.
/// </para>
/// <para>
/// The data may be shared out. Processes that see a part each give their collective to <see cref="Complete"/>. Machines that are not
/// connected save what they have seen with <c>GetState</c>, and one of them adds these states with <c>AddState</c>. A synchronized
/// BatchNorm has the statistics of all ranks in each pass already, and Complete does not exchange them again.
/// </para>
/// <para>
/// The result is that of one batch of all samples, to a few units in the last place of double before it is rounded. A pass with
/// <see cref="ForwardContext{T}.UpdateRunningStatistics"/> false is not gathered. A NaN or an infinity in a channel makes the statistics of
/// this channel NaN. An empty batch adds nothing. Passes may run in several threads at once where the layers allow it; the order of the
/// passes then decides the last bits.
/// </para>
/// <para>
/// Ioffe, Szegedy: Batch Normalization, 2015, arXiv:1502.03167 (algorithm 2); Wu, Johnson: Rethinking "Batch" in BatchNorm, 2021,
/// arXiv:2105.07576 (precise BatchNorm); Li, Wang, Shi, Liu, Hou: Revisiting Batch Normalization For Practical Domain Adaptation, 2016,
/// arXiv:1603.04779 (AdaBN).
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var norm = new BatchNorm2d&lt;float>(3);
/// var model = new LayerDictionary&lt;float> { { "features.norm", norm } };
/// using (Recalibration&lt;float> recalibration = model.Recalibrate())
/// {
///     for (int i = 0; i &lt; 4; i++)
///         norm.Forward(Tensor&lt;float>.RandomNormal([8, 3, 6, 6], seed: i, mean: 5));
///     recalibration.Complete();
/// }
/// Console.WriteLine(norm.RunningMean);  // the mean of all 32 images
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class Recalibration<T> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // What the first number of a message says, so that no message of a pass equals one of a recalibration.
    private const double MessageKind = -1;

    private readonly RecalibratedLayer<T>[] _layers;
    private bool _hasEnded;

    internal Recalibration(IEnumerable<(string Prefix, RunningStatisticsLayer<T> Layer)> layers, RecalibrationMethod method)
    {
        if (method is not (RecalibrationMethod.Pooled or RecalibrationMethod.BatchAverage))
            throw new ArgumentOutOfRangeException(nameof(method), $"expected a method of RecalibrationMethod, got {(int)method}");
        Method = method;
        _layers = [.. layers.Select(layer => new RecalibratedLayer<T>(layer.Prefix, layer.Layer, method))];
        if (Array.Find(_layers, static item => item.Layer.Observer is not null) is { } busy)
            throw new InvalidOperationException($"A recalibration of {busy.Name} is under way; complete it or dispose it first.");
        foreach (RecalibratedLayer<T> item in _layers)
            item.Layer.Observer = item.Seen;
    }

    /// <summary>Gets how the statistics of the batches become those of the population.</summary>
    public RecalibrationMethod Method { get; }

    internal IReadOnlyList<RecalibratedLayer<T>> Layers => _layers;

    /// <summary>Writes the statistics of all samples seen to the layers, and ends the recalibration.</summary>
    /// <remarks>
    /// With ranks it is one <see cref="ICollective.AllGather"/>: all ranks must call it, and get the same bits. A rank that has seen no
    /// sample takes part too.
    /// </remarks>
    /// <param name="ranks">The ranks that have seen other parts of the data; null if there are none.</param>
    /// <exception cref="InvalidOperationException">
    /// No sample went through one of the layers, or the recalibration has ended. Nothing has changed. With ranks all of them get an
    /// exception.
    /// </exception>
    /// <exception cref="CollectiveException">
    /// The ranks recalibrate different layers, or the exchange failed. Nothing has changed, and the recalibration goes on.
    /// </exception>
    public void Complete(ICollective? ranks = null)
    {
        if (_hasEnded)
        {
            if (ranks is not null)
                CollectiveExtensions.Refuse(ranks);
            GuardUnderWay();
        }
        StatisticsAccumulator[] seen = [.. _layers.Select(static item => item.Seen)];
        if (ranks is { Size: > 1 })
            seen = Gather(ranks);
        string[] unseen = [.. _layers.Where((_, i) => seen[i].Count.Value == 0).Select(static item => item.Name)];
        if (unseen.Length > 0)
        {
            throw new InvalidOperationException(
                $"No sample went through {string.Join(", ", unseen)}. Run forward passes before Complete, and recalibrate only layers that "
                    + "they use.");
        }
        for (int i = 0; i < seen.Length; i++)
            _layers[i].Layer.SetRunningStatistics(seen[i]);
        Dispose();
    }

    /// <summary>Ends the recalibration. Unless it was completed, the layers are as they were before it.</summary>
    public void Dispose()
    {
        if (_hasEnded)
            return;
        _hasEnded = true;
        foreach (RecalibratedLayer<T> item in _layers)
            item.Layer.Observer = null;
    }

    internal void GuardUnderWay()
    {
        if (_hasEnded)
            throw new InvalidOperationException("The recalibration has ended. Call Recalibrate for a new one.");
    }

    /// <summary>What all ranks have seen: of each layer the parts in the order of the ranks, which gives all ranks the same bits.</summary>
    private StatisticsAccumulator[] Gather(ICollective ranks)
    {
        double[] header = [MessageKind, .. _layers.SelectMany(static item => item.Signature)];
        double[] message = new double[header.Length + _layers.Sum(static item => item.Seen.Length)];
        double[] gathered = new double[ranks.Size * message.Length];
        header.CopyTo(message, 0);
        int start = header.Length;
        foreach (RecalibratedLayer<T> item in _layers)
        {
            item.Seen.Write(message.AsSpan(start, item.Seen.Length));
            start += item.Seen.Length;
        }
        ranks.AllGather(message, gathered);
        for (int rank = 0; rank < ranks.Size; rank++)
        {
            if (!gathered.AsSpan(rank * message.Length, header.Length).SequenceEqual(gathered.AsSpan(0, header.Length)))
            {
                throw new CollectiveException(
                    $"Rank {rank} recalibrates other layers than rank 0, or in another way. All ranks must recalibrate equal layers in the "
                        + "same order.");
            }
        }
        var seen = new StatisticsAccumulator[_layers.Length];
        start = header.Length;
        for (int i = 0; i < seen.Length; i++)
        {
            seen[i] = _layers[i].CreateAccumulator();
            // The passes of a synchronized layer have exchanged their statistics.
            for (int rank = 0; rank < (_layers[i].Layer.Ranks is null ? ranks.Size : 1); rank++)
                seen[i].Add(gathered.AsSpan((rank * message.Length) + start, seen[i].Length));
            start += seen[i].Length;
        }
        return seen;
    }
}

/// <summary>A layer in a recalibration, and what has been seen of it.</summary>
internal sealed class RecalibratedLayer<T>(string prefix, RunningStatisticsLayer<T> layer, RecalibrationMethod method)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public string Prefix => prefix;

    public string Name => prefix.Length == 0 ? $"{layer}" : prefix;

    public RunningStatisticsLayer<T> Layer => layer;

    public StatisticsAccumulator Seen { get; } = Create(layer, method);

    /// <summary>By what ranks notice that they recalibrate different layers.</summary>
    public double[] Signature =>
        [Seen.Channels, Convert.ToDouble(Seen.IsPooled), Convert.ToDouble(Seen.IsBiased), layer.Ranks is null ? 0 : 1];

    public StatisticsAccumulator CreateAccumulator() => Create(layer, method);

    private static StatisticsAccumulator Create(RunningStatisticsLayer<T> layer, RecalibrationMethod method) =>
        new(layer.NumFeatures, method == RecalibrationMethod.Pooled && !layer.HasStatisticsOfSamples, layer.HasBiasedRunningVariance);
}
