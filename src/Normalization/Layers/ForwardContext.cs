using System.Numerics;
using Normalization.Kernels;
using Normalization.Kernels.Plans;

namespace Normalization;

/// <summary>
/// What one forward pass keeps for its backward pass: the input, by reference, and the statistics of each group. Pass a context for
/// each use of a layer that is used several times before the backward pass (shared weights, time steps), or to go backward through a
/// layer in evaluation mode.
/// </summary>
/// <remarks>
/// <para>A context can be used again; its memory is kept. If a pass throws, the context still remembers the pass before.</para>
/// <para>
/// A context belongs to one thread at a time: a pass whose context is in use by another pass throws
/// <see cref="InvalidOperationException"/>.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var norm = new RmsNorm&lt;float>(4);
/// ForwardContext&lt;float> first = new(), second = new();
/// Tensor&lt;float> x1 = Tensor&lt;float>.RandomNormal([8, 4], seed: 1), y1 = new(8, 4);
/// Tensor&lt;float> x2 = Tensor&lt;float>.RandomNormal([8, 4], seed: 2), y2 = new(8, 4);
/// norm.Forward(x1, y1, first);
/// norm.Forward(x2, y2, second);
/// norm.Backward(y2, y2, second);  // the gradient of γ adds up over both uses
/// norm.Backward(y1, y1, first);
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed partial class ForwardContext<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int UsualRank = 8;

    private readonly T[] _samples = new T[InputSamples.Count];

    private GroupStatistics[] _statistics = [];

    // A new pass writes here, because the statistics of the remembered pass have to survive if the new one throws.
    private GroupStatistics[] _next = [];
    // The scales and then the shifts of x̂, and those of the next pass; most passes have none.
    private double[] _correction = [];
    private double[] _nextCorrection = [];
    private int _correctionLength;
    private int _nextCorrectionLength;
    // The valid positions of the remembered pass, and those of the next one.
    private PositionMemory<T> _positions = new();
    private PositionMemory<T> _nextPositions = new();
    private Plan _plan;
    private RememberedTerms<T> _terms;
    private int[] _shape = new int[UsualRank];
    private int _rank;
    private int _isInUse;

    /// <summary>
    /// Gets the input of the remembered forward pass, or the sum of the input and a residual that took its place; null before the first
    /// pass, after <see cref="ReleaseInput"/>, and after a pass on tensor spans, whose input goes to <c>Backward</c> again.
    /// </summary>
    public Tensor<T>? Input { get; private set; }

    /// <summary>
    /// Gets or sets a value indicating whether running statistics follow the forward passes in training with this context; initially they
    /// do. If not, a pass leaves the running statistics and the count of batches as they are, and computes the same output. Layers without
    /// running statistics do not read this value.
    /// </summary>
    /// <remarks>
    /// A pass that is done a second time must not count twice. Where the context of the first pass is at hand, use
    /// <see cref="IsRecomputation"/> for the second one: it also exchanges nothing between ranks.
    /// </remarks>
    public bool UpdateRunningStatistics { get; set; } = true;

    /// <summary>
    /// Gets or sets a value indicating whether a forward pass with this context repeats the pass that the context remembers, as gradient
    /// checkpointing (activation recomputation) does; initially it does not.
    /// </summary>
    /// <remarks>
    /// <para>
    /// The repeated pass needs the same layer, and an input of the same shape and values. The output has the same bits, unless γ or β have
    /// changed. Running statistics do not change, a synchronized layer sends no message, and the present mode of the layer has no effect.
    /// The context remembers the new input tensor instead of the first one.
    /// </para>
    /// <para>
    /// A pass throws <see cref="InvalidOperationException"/> if the context remembers no pass of this layer, or if the input has other
    /// values, as far as a few of its elements show.
    /// </para>
    /// <para>Chen, Xu, Zhang, Guestrin: Training Deep Nets with Sublinear Memory Cost, 2016, arXiv:1604.06174.</para>
    /// </remarks>
    /// <example>
    /// <code>
    /// var norm = new BatchNorm1d&lt;float>(4);
    /// Tensor&lt;float> x = Tensor&lt;float>.RandomNormal([8, 4], seed: 1), y = new(8, 4), dx = new(8, 4);
    /// var context = new ForwardContext&lt;float>();
    /// norm.Forward(x, y, context);
    /// context.ReleaseInput();              // the input need not stay in memory until the backward pass
    ///
    /// context.IsRecomputation = true;      // the same values once more: the running statistics do not move again
    /// norm.Forward(Tensor&lt;float>.RandomNormal([8, 4], seed: 1), y, context);
    /// norm.Backward(y, dx, context);
    /// context.IsRecomputation = false;
    /// </code>
    /// </example>
    public bool IsRecomputation { get; set; }

    /// <summary>Gets the number of groups that have statistics of their own.</summary>
    public int GroupCount { get; private set; }

    /// <summary>
    /// Gets or sets what a layer keeps here beside the statistics, in <see cref="NormalizationLayer{T}.ForwardCore"/> for <see
    /// cref="NormalizationLayer{T}.BackwardCore"/>. Layers of the library keep nothing.
    /// </summary>
    public object? LayerData { get; set; }

    internal NormalizationLayer<T>? Owner { get; private set; }

    /// <summary>Gets how many passes have been remembered here.</summary>
    internal int PassCount { get; private set; }

    /// <summary>The input's shape.</summary>
    internal ReadOnlySpan<int> Shape => _shape.AsSpan(0, _rank);

    /// <summary>Gets how the input was shared out.</summary>
    internal ref readonly Plan Plan => ref _plan;

    /// <summary>Gets the terms that the pass had besides the norm.</summary>
    internal ref readonly RememberedTerms<T> Terms => ref _terms;

    internal bool HasFixedStatistics { get; private set; }

    /// <summary>Gets a value indicating whether the pass was one of training.</summary>
    internal bool WasTraining { get; private set; }

    /// <summary>Gets the ranks that the statistics are shared with, if there are any.</summary>
    internal Synchronization? Ranks { get; private set; }

    /// <summary>Gets the batch that the input is a part of, if it is, and the number of that batch.</summary>
    internal MicroBatches<T>? Batch { get; private set; }

    internal long BatchNumber { get; private set; }

    /// <summary>Gets how many elements share statistics, on all ranks and in all parts together.</summary>
    internal double ElementsPerGroup { get; private set; }

    internal Span<GroupStatistics> Statistics => _statistics.AsSpan(0, GroupCount);

    /// <summary>Gets what x̂ of each channel was multiplied by, and then what was added to it; empty if it was not corrected.</summary>
    internal Span<double> Correction => _correction.AsSpan(0, _correctionLength);

    /// <summary>Gets a value indicating whether only some positions counted.</summary>
    internal bool HasPositions => _positions.IsAny;

    /// <summary>Gets which positions counted.</summary>
    internal ValidPositions<T> Positions => _positions.Positions;

    /// <summary>Gets the mean of one group: of a channel, of a group of a sample, or of a row. RmsNorm has 0.</summary>
    /// <param name="group">The index of the group.</param>
    /// <returns>The mean.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such group.</exception>
    public double GetMean(int group) => StatisticsOf(group).Mean;

    /// <summary>Gets 1 / √(σ² + ε) of one group.</summary>
    /// <param name="group">The index of the group.</param>
    /// <returns>The inverse standard deviation.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such group.</exception>
    public double GetInverseStandardDeviation(int group) => StatisticsOf(group).InverseStandardDeviation;

    /// <summary>
    /// Gets or sets the batch that the inputs of the forward passes with this context are parts of, for exact statistics over several parts
    /// (gradient accumulation); null, the initial value, if an input is a batch of its own.
    /// </summary>
    public MicroBatches<T>? MicroBatches { get; set; }

    /// <summary>Forgets the forward pass. The context then no longer keeps the input in memory.</summary>
    /// <exception cref="InvalidOperationException">Another thread is in a pass with this context.</exception>
    public void Clear()
    {
        using Usage usage = Use(this);
        Input = null;
        Owner = null;
        Ranks = null;
        LayerData = null;
        Batch = null;
        _terms = default;
        _positions.Clear();
        GroupCount = 0;
    }

    /// <summary>
    /// Lets go of the input of the remembered forward pass, and keeps the rest: the statistics and the shape. The input then does not stay
    /// in memory. For gradient checkpointing, where a pass with <see cref="IsRecomputation"/> brings the input back.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another thread is in a pass with this context.</exception>
    public void ReleaseInput()
    {
        using Usage usage = Use(this);
        Input = null;
    }

    /// <summary>Takes a context, if there is one, for one call. Two passes at once would read what the other pass writes.</summary>
    internal static Usage Use(ForwardContext<T>? context) => new(context);

    /// <summary>Reserves memory for what a pass will remember, so that <see cref="Remember"/> cannot fail.</summary>
    internal Span<GroupStatistics> Reserve(int rank, int groups)
    {
        if (_shape.Length < rank)
            Array.Resize(ref _shape, rank);
        if (_next.Length < groups)
            _next = GC.AllocateUninitializedArray<GroupStatistics>(groups);
        _nextCorrectionLength = 0;
        _nextPositions.Clear();
        return _next.AsSpan(0, groups);
    }

    /// <summary>Reserves memory for how the pass corrects x̂, after its statistics are reserved.</summary>
    internal Span<double> ReserveCorrection(int length)
    {
        if (_nextCorrection.Length < length)
            _nextCorrection = new double[length];
        _nextCorrectionLength = length;
        return _nextCorrection.AsSpan(0, length);
    }

    /// <summary>Keeps a copy of the valid positions, after the statistics are reserved.</summary>
    internal ValidPositions<T> ReservePositions(in Plan plan, in GivenPositions<T> given)
    {
        _nextPositions.Set(plan, given);
        return _nextPositions.Positions;
    }

    /// <summary>Remembers a pass that is done, with the statistics in the memory that was reserved last.</summary>
    internal void Remember(
        NormalizationLayer<T> owner, in Plan plan, in ForwardPass<T> pass, int groups, double elementsPerGroup)
    {
        pass.Shape.CopyTo(_shape);
        _rank = pass.Shape.Length;
        InputSamples.Take(pass.Source, _samples);
        (_statistics, _next) = (_next, _statistics);
        (_positions, _nextPositions) = (_nextPositions, _positions);
        (_correction, _nextCorrection, _correctionLength) = (_nextCorrection, _correction, _nextCorrectionLength);
        _plan = plan;
        _terms = pass.Remembered;
        (Owner, Input, GroupCount) = (owner, pass.Tensor, groups);
        (HasFixedStatistics, ElementsPerGroup) = (pass.Mode.HasFixedStatistics, elementsPerGroup);
        (Batch, BatchNumber) = (pass.Mode.Batch, pass.Mode.Batch?.Number ?? 0);
        (Ranks, WasTraining) = (Batch is null ? pass.Mode.Ranks : null, pass.IsTraining);
        PassCount++;
    }

    /// <summary>Takes over the tensors of a pass that has repeated the remembered one.</summary>
    internal void Recall(in ForwardPass<T> pass) => (Input, _terms) = (pass.Tensor, pass.Remembered);

    /// <summary>Throws if the input is not what it was in the forward pass, as far as the samples show.</summary>
    internal void GuardUnchanged(ReadOnlySpan<T> x)
    {
        int changed = InputSamples.FindChange(x, _samples);
        if (changed >= 0)
        {
            throw new InvalidOperationException(
                $"The input has changed since the forward pass: element {changed} is another one. Backward needs the input as it was, "
                + "and the gradients would be wrong. Do not write to it before Backward, as x += h does after a layer; write the sum to "
                + "another tensor.");
        }
    }

    /// <summary>Throws unless the context of a part of a pass is another one than that of the whole pass.</summary>
    internal static void GuardPart(ForwardContext<T>? context, ForwardContext<T> whole)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context == whole)
            throw new ArgumentException("A part of a pass needs another context than the whole pass.", nameof(context));
    }

    /// <summary>Throws if a pass that is done again has another input, as far as the samples show.</summary>
    internal void GuardSameInput(ReadOnlySpan<T> x)
    {
        int changed = InputSamples.FindChange(x, _samples);
        if (changed >= 0)
        {
            throw new InvalidOperationException(
                $"The input is not that of the pass that the context remembers: element {changed} is another one. With IsRecomputation a "
                + "pass repeats the remembered one; set IsRecomputation to false for a new pass.");
        }
    }

    private ref readonly GroupStatistics StatisticsOf(int group)
    {
        if ((uint)group >= (uint)GroupCount)
            throw new ArgumentOutOfRangeException(nameof(group), $"The context has {GroupCount} groups, got the index {group}.");
        return ref _statistics[group];
    }
}
