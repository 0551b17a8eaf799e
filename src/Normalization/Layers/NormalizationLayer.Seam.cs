namespace Normalization;

/// <content>What a layer is made of: its plan, its state, and what it does with statistics.</content>
public abstract partial class NormalizationLayer<T>
{
    /// <summary>Gets what the buffers and counters of the state are.</summary>
    internal ReadOnlySpan<StateBuffer<T>> Buffers => _buffers;

    /// <summary>
    /// Gets or sets the ranks that share statistics. A model sets it to what it was where a later layer cannot be synchronized; everyone
    /// else calls <see cref="ShareStatistics"/>.
    /// </summary>
    internal Synchronization? Ranks { get; set; }

    /// <summary>Gets or sets what gathers the statistics of forward passes, in either mode, instead of the layer.</summary>
    internal StatisticsAccumulator? Observer { get; set; }

    /// <summary>Gets what is added to γ before it is used.</summary>
    private protected virtual double AddedToWeight => 0;

    /// <summary>Gets a value indicating whether training shares its statistics with other ranks.</summary>
    protected bool SharesStatistics => Ranks is not null;

    /// <summary>
    /// Gets the configuration of the layer as text, for <see cref="ToString"/>: the arguments of its constructor, as PyTorch's extra_repr
    /// gives them.
    /// </summary>
    protected virtual string Configuration => $"epsilon: {Epsilon}";

    /// <summary>Says how an input of this shape is normalized, or throws. The plan must depend on the shape alone.</summary>
    /// <remarks>
    /// It is called once in each forward pass, before anything is written. Where <see cref="FixedStatisticsFor"/> gives statistics, those
    /// take the place of the plan's own.
    /// </remarks>
    /// <param name="shape">The shape of the input.</param>
    /// <returns>The plan: as many elements as the shape has, and as many parameters as γ and β have.</returns>
    /// <exception cref="ArgumentException">The layer does not accept this shape.</exception>
    protected abstract NormalizationPlan PlanFor(ReadOnlySpan<int> shape);

    /// <summary>Refuses a shape from which no useful statistics can be taken. The base class accepts every shape.</summary>
    /// <remarks>It is called before anything is written, if the pass takes the statistics from this input and from nothing else.</remarks>
    /// <param name="plan">The plan for this shape.</param>
    /// <param name="shape">The shape of the input.</param>
    /// <exception cref="ArgumentException">There are not enough elements.</exception>
    protected virtual void GuardStatistics(NormalizationPlan plan, ReadOnlySpan<int> shape)
    {
    }

    /// <summary>
    /// Gives the statistics of each channel that a pass uses instead of the statistics of its input. The base class gives null.
    /// </summary>
    /// <remarks>It is called once in each forward pass. The plan must be one with channels.</remarks>
    /// <param name="isTraining">Whether the pass is one of training, as decided when it began.</param>
    /// <returns>The statistics; null if the pass takes them from its input.</returns>
    protected virtual FixedStatistics<T>? FixedStatisticsFor(bool isTraining) => null;

    /// <summary>
    /// Follows the statistics of a batch. It is called at the end of each forward pass, or part of one, in training that has taken
    /// statistics from its input, and must not throw: the output has been written. The base class does nothing.
    /// </summary>
    /// <remarks>
    /// It is not called for a pass with <see cref="ForwardContext{T}.UpdateRunningStatistics"/> false, for a repeated pass
    /// (<see cref="ForwardContext{T}.IsRecomputation"/>), and during a <see cref="Recalibration{T}"/>.
    /// </remarks>
    /// <param name="statistics">The statistics; those of an empty batch have no groups.</param>
    protected virtual void OnInputStatistics(InputStatistics statistics)
    {
    }

    /// <summary>
    /// Is called after a state has been loaded into the parameters, buffers and counters. A layer that derives other values from these
    /// computes the values again. The method must not throw. The base class does nothing.
    /// </summary>
    protected virtual void OnStateLoaded()
    {
    }

    /// <summary>Adds a parameter, which optimizers find in <see cref="Parameters"/> and which is a part of the state.</summary>
    /// <remarks>The layer itself must read the parameter and add to its gradient. The base class handles only γ and β.</remarks>
    /// <param name="parameter">The parameter.</param>
    /// <exception cref="ArgumentNullException"><paramref name="parameter"/> is null.</exception>
    /// <exception cref="ArgumentException">The state has this name already.</exception>
    protected void RegisterParameter(Parameter<T> parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        GuardNewName(parameter.Name, nameof(parameter));
        _parameters = [.. _parameters, parameter];
    }

    /// <summary>
    /// Makes a tensor a part of the state, which is saved and loaded under this name. Training does not change it by gradients.
    /// </summary>
    /// <param name="name">The key in the state.</param>
    /// <param name="value">The tensor. Loading writes into it; no output may overlap it.</param>
    /// <param name="isNonNegative">Whether a state with a negative element is refused, as for a variance.</param>
    /// <param name="isOptional">Whether a state without this key is complete; the tensor then stays as it is.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The name is empty, or the state has it already.</exception>
    protected void RegisterBuffer(string name, Tensor<T> value, bool isNonNegative = false, bool isOptional = false)
    {
        ArgumentNullException.ThrowIfNull(value);
        Register(new(name, value, null, isNonNegative, isOptional));
    }

    /// <summary>Makes a whole number a part of the state, which is saved and loaded under this name.</summary>
    /// <param name="name">The key in the state.</param>
    /// <param name="isOptional">Whether a state without this key is complete; the number then stays as it is.</param>
    /// <returns>The number, initially 0.</returns>
    /// <exception cref="ArgumentNullException">The name is null.</exception>
    /// <exception cref="ArgumentException">The name is empty, or the state has it already.</exception>
    protected StateCounter RegisterCounter(string name, bool isOptional = false)
    {
        var counter = new StateCounter(name);
        Register(new(name, null, counter, IsOptional: isOptional));
        return counter;
    }

    /// <summary>
    /// From now on training takes its statistics over the batches of all ranks. <see cref="BatchNorm{T}.Synchronize"/> calls this method
    /// and says more. All ranks must call it, for equal layers in the same order. The plans must share statistics by channel.
    /// </summary>
    /// <param name="collective">The ranks; null, or a single rank, ends the synchronization.</param>
    /// <param name="channels">The number of channels of all plans.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of channels is not positive.</exception>
    /// <exception cref="CollectiveException">The ranks' layers differ in channels, type or ε, or the exchange failed. The passes throw
    /// it too.</exception>
    protected void ShareStatistics(ICollective? collective, int channels)
    {
        Guard.Positive(channels);
        int elementSize = typeof(T) == typeof(float) ? sizeof(float) : sizeof(double);
        Ranks = collective is { Size: > 1 } ? Synchronization.Agree(collective, channels, elementSize, Epsilon) : null;
    }

    /// <summary>Tells the layer that its state has been loaded.</summary>
    internal void NotifyStateLoaded() => OnStateLoaded();

    /// <summary>Refuses an output over memory that is a part of the state.</summary>
    private protected void GuardBuffers(ReadOnlySpan<T> output)
    {
        foreach (StateBuffer<T> buffer in _buffers)
        {
            if (buffer.Tensor is not null)
                Guard.Apart<T, T>(output, buffer.Tensor.Span, nameof(output), buffer.Name);
        }
    }

    private void Register(in StateBuffer<T> buffer)
    {
        GuardNewName(buffer.Name, "name");
        _buffers = [.. _buffers, buffer];
    }

    private void GuardNewName(string name, string argument)
    {
        ArgumentException.ThrowIfNullOrEmpty(name, argument);
        if (Array.Exists(_parameters, parameter => parameter.Name == name) || Array.Exists(_buffers, buffer => buffer.Name == name))
            throw new ArgumentException($"The state of the layer has the name {name} already.", argument);
    }
}
