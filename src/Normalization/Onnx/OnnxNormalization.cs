using System.Globalization;
using System.Numerics;

namespace Normalization;

/// <summary>One normalization operator of an ONNX model.</summary>
public sealed class OnnxNormalization
{
    // Before this version GroupNormalization had one scale for each group.
    private const int ScalePerChannelSet = 21;

    // Larger numbers in a file are refused, so that a file cannot request any amount of memory.
    private const int MostChannels = 1 << 20;

    private OnnxNormalization(OnnxNode node, StateDictionary state, double epsilon, double? momentum, int? groups, long[]? inputShape) =>
        (Name, Operator, State, Epsilon, Momentum, NumGroups, InputShape) =
            (node.Name, node.Operator, state, epsilon, momentum, groups, inputShape);

    /// <summary>Gets the name of the operator, or that of its first output if it has none.</summary>
    public string Name { get; }

    /// <summary>Gets the type of the operator, for example LayerNormalization.</summary>
    public string Operator { get; }

    /// <summary>Gets ε, which ONNX keeps as a <see cref="float"/>.</summary>
    public double Epsilon { get; }

    /// <summary>
    /// Gets the momentum of BatchNormalization in the convention of this library, the share of the new value: 0.1 where the model says
    /// 0.9; null for other operators.
    /// </summary>
    public double? Momentum { get; }

    /// <summary>Gets the number of groups of GroupNormalization; null for other operators.</summary>
    public int? NumGroups { get; }

    /// <summary>Gets the values by the keys of a layer: weight, bias, running_mean, running_var, as far as the operator has them.</summary>
    public StateDictionary State { get; }

    /// <summary>Gets how many dimensions the input has; null if the model does not say so.</summary>
    public int? InputRank => InputShape?.Length;

    private long[]? InputShape { get; }

    private int Width => (int)State["weight"].Shape[0];

    private bool HasScalePerGroup { get; init; }

    /// <summary>Makes a layer of the operator, with its values.</summary>
    /// <remarks>
    /// The running variance of ONNX is the biased one. It is taken as it is, so that evaluation computes the same, and the layer has
    /// <see cref="RunningStatisticsLayer{T}.HasBiasedRunningVariance"/>, so that further training follows the biased one too.
    /// SimplifiedLayerNormalization and RMSNormalization become an <see cref="RmsNorm{T}"/>.
    /// </remarks>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>; the values are converted to it.</typeparam>
    /// <param name="inputRank">
    /// How many dimensions the input of BatchNormalization has, where the model does not say so: 2 or 3 for
    /// <see cref="BatchNorm1d{T}"/>, 4 for <see cref="BatchNorm2d{T}"/>, 5 for <see cref="BatchNorm3d{T}"/>. Other operators do not
    /// need it.
    /// </param>
    /// <param name="numChannels">
    /// The number of channels of a GroupNormalization of an operator set before 21, which has one scale for each group, where the model
    /// does not say the shape of its input. Other operators do not need it.
    /// </param>
    /// <returns>The layer, in training mode as every new layer.</returns>
    /// <exception cref="ArgumentException">
    /// A value is not finite or is a negative variance, or the channels do not fit the groups.
    /// </exception>
    /// <exception cref="InvalidOperationException">The model does not say the rank or the channels, and they were not passed.</exception>
    public NormalizationLayer<T> CreateLayer<T>(int? inputRank = null, int? numChannels = null)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        bool hasBias = State.ContainsKey("bias");
        ReadOnlySpan<int> shape = Array.ConvertAll(State["weight"].Shape.ToArray(), static size => (int)size);
        int channels = HasScalePerGroup ? Channels(numChannels) : Width;
        NormalizationLayer<T> layer = Operator switch
        {
            "BatchNormalization" => CreateBatchNorm<T>(InputRank ?? inputRank),
            "InstanceNormalization" => new InstanceNorm<T>(channels, Epsilon, affine: true),
            "GroupNormalization" => new GroupNorm<T>(NumGroups!.Value, channels, Epsilon),
            "LayerNormalization" => new LayerNorm<T>(shape, Epsilon, bias: hasBias),
            _ => new RmsNorm<T>(shape, Epsilon),
        };
        layer.LoadState(HasScalePerGroup ? PerChannel<T>(channels / Width) : State);
        return layer;
    }

    /// <summary>Returns the name, the operator and its values.</summary>
    /// <returns>For example <c>norm1: LayerNormalization, epsilon 1E-05, weight: F32 [64], bias: F32 [64]</c>.</returns>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{KeyText.Shown(Name)}: {Operator}, epsilon {(float)Epsilon}, {State}");

    /// <summary>The operator as a layer, or why it cannot be one, as a sentence without subject and period.</summary>
    internal static OnnxNormalization? Read(ProtobufReader protobuf, OnnxGraph graph, OnnxNode node, string? folder, out string problem)
    {
        var state = new StateDictionary();
        string[] keys = node.Operator switch
        {
            "BatchNormalization" => ["weight", "bias", "running_mean", "running_var"],
            "RMSNormalization" or "SimplifiedLayerNormalization" => ["weight"],
            _ => ["weight", "bias"],
        };
        if (node.Inputs.Skip(keys.Length + 1).Any(static input => input.Length > 0))
        {
            problem = "has more inputs than its operator knows";
            return null;
        }
        for (int i = 0; i < keys.Length && i + 1 < node.Inputs.Count; i++)
        {
            string input = node.Inputs[i + 1];
            if (input.Length == 0)
                continue;
            if (graph.ConstantOf(input) is not ProtobufField tensor)
            {
                problem = $"computes its input {KeyText.Shown(input)} instead of having it as a constant";
                return null;
            }
            if (OnnxTensor.Read(protobuf, tensor, folder, out problem) is not StateValue value)
            {
                problem = $"cannot be read: its input {KeyText.Shown(input)} {problem}";
                return null;
            }
            state.Add(keys[i], value);
        }
        double epsilon = node.Attributes.GetValueOrDefault("epsilon", 1e-5f);
        double momentum = node.Attributes.GetValueOrDefault("momentum", 0.9f);
        double groups = node.Attributes.GetValueOrDefault("num_groups", 0);
        long[]? shape = graph.ShapeOf(node.Inputs[0]);
        problem = Problem(node, state, epsilon, momentum, groups, shape?.Length) ?? "";
        if (problem.Length > 0)
            return null;
        bool isBatchNorm = node.Operator == "BatchNormalization", isGroupNorm = node.Operator == "GroupNormalization";
        double? share = isBatchNorm ? MomentumConvention.OnOldValue.Convert(momentum) : null;
        return new(node, state, epsilon, share, isGroupNorm ? (int)groups : null, shape)
        {
            HasScalePerGroup = isGroupNorm && graph.OperatorSet < ScalePerChannelSet && state["weight"].Length == groups,
        };
    }

    private static string? Problem(OnnxNode node, StateDictionary state, double epsilon, double momentum, double groups, int? rank)
    {
        if (!(epsilon >= 0 && double.IsFinite(epsilon)))
            return "has an epsilon that is negative or not finite";
        if (!state.TryGetValue("weight", out StateValue? weight) || weight.Length == 0)
            return "has no scale";
        if (state.Values.FirstOrDefault(value => !value.Shape.SequenceEqual(weight.Shape)) is StateValue other)
            return $"has a scale of the shape {weight.FormatShape()} and another value of the shape {other.FormatShape()}";
        if (node.Operator is "LayerNormalization" or "RMSNormalization" or "SimplifiedLayerNormalization")
        {
            double axis = node.Attributes.GetValueOrDefault("axis", -1);
            double? axes = axis < 0 ? -axis : rank - axis;
            return weight.Shape.Length == 0 || (axes is double known && known != weight.Shape.Length)
                ? $"has a scale of the shape {weight.FormatShape()}, which does not say the sizes of the axes from {axis} on" : null;
        }
        if (weight.Shape.Length != 1)
            return $"has a scale of the shape {weight.FormatShape()} instead of one for each channel";
        if (node.Operator == "BatchNormalization")
        {
            return state.Count < 4 ? "lacks some of scale, B, mean and var"
                : !(momentum >= 0 && momentum <= 1) ? "has a momentum outside [0, 1]"
                : node.Attributes.GetValueOrDefault("spatial", 1) == 0
                    ? "has statistics for each position (spatial = 0), which no layer here has" : null;
        }
        if (!state.ContainsKey("bias"))
            return "has no B";
        bool fits = groups >= 1 && groups <= weight.Length && weight.Length % groups == 0;
        return node.Operator == "GroupNormalization" && !fits ? "has a num_groups that does not divide its channels" : null;
    }

    private BatchNorm<T> CreateBatchNorm<T>(int? rank)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => rank switch
        {
            2 or 3 => new BatchNorm1d<T>(Width, Epsilon, Momentum) { HasBiasedRunningVariance = true },
            4 => new BatchNorm2d<T>(Width, Epsilon, Momentum) { HasBiasedRunningVariance = true },
            5 => new BatchNorm3d<T>(Width, Epsilon, Momentum) { HasBiasedRunningVariance = true },
            null => throw new InvalidOperationException(
                $"The model does not say how many dimensions the input of {KeyText.Shown(Name)} has. "
                + "Pass inputRank: 2 or 3 for BatchNorm1d, 4 for BatchNorm2d, 5 for BatchNorm3d."),
            _ => throw new InvalidOperationException(
                $"BatchNorm takes inputs of 2 to 5 dimensions, and that of {KeyText.Shown(Name)} has {rank}."),
        };

    private int Channels(int? numChannels)
    {
        int? channels = InputShape is [_, > 0 and <= MostChannels, ..] ? (int)InputShape[1] : numChannels;
        if (channels is not int known)
        {
            throw new InvalidOperationException(
                $"{KeyText.Shown(Name)} has one scale for each group, "
                + "and the model does not say how many channels there are. Pass numChannels.");
        }
        if (known <= 0 || known % Width != 0)
            throw new ArgumentException($"expected a multiple of {Width} channels, got {known}", nameof(numChannels));
        return known;
    }

    /// <summary>The scale of each group, once for each of its channels.</summary>
    private StateDictionary PerChannel<T>(int channelsPerGroup)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var state = new StateDictionary();
        foreach ((string key, StateValue value) in State)
        {
            Tensor<T> groups = value.ToTensor<T>(), channels = new(groups.Length * channelsPerGroup);
            for (int i = 0; i < channels.Length; i++)
                channels.Span[i] = groups.Span[i / channelsPerGroup];
            state.Add(key, StateValue.From(channels));
        }
        return state;
    }
}
