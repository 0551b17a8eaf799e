namespace Normalization;

/// <summary>What layers with channels expect of the shape of their input.</summary>
internal readonly ref struct InputShape(ReadOnlySpan<int> shape, int channels, ChannelAxis axis)
{
    private readonly ReadOnlySpan<int> _shape = shape;
    private readonly int _channels = channels;
    private readonly ChannelAxis _axis = axis;

    /// <summary>
    /// [N, C, ...] or [N, ..., C] with statistics of each channel; <paramref name="positions"/> is what an error calls the rest.
    /// </summary>
    public NormalizationPlan Batch(bool rankFits, string positions = "...") => HasChannels(rankFits, 1)
        ? NormalizationPlan.Batch(_shape[0], _channels, Positions(1), _axis)
        : throw Refusal(Expected(positions));

    /// <summary>[N, C], or with one dimension of positions, with statistics of each channel.</summary>
    public NormalizationPlan BatchOrRows(string positions) => HasChannels(_shape.Length is 2 or 3, 1)
        ? Batch(rankFits: true)
        : throw Refusal($"[N, {_channels}] or {Expected(positions)}");

    /// <summary>Any rank from <paramref name="rank"/> on, with statistics of groups of channels of each sample.</summary>
    public NormalizationPlan Groups(int groups, int rank = 2) => HasChannels(_shape.Length >= rank, 1)
        ? NormalizationPlan.Groups(_shape[0], _channels, Positions(1), groups, _axis)
        : throw Refusal(Expected("...") + (rank > 2 ? $" of rank {rank} or more" : ""));

    /// <summary>
    /// A batch of <paramref name="rank"/> dimensions, or one sample without the first, with statistics of each channel of each sample.
    /// </summary>
    public NormalizationPlan Instances(int rank, string positions)
    {
        bool isUnbatched = _shape.Length == rank - 1;
        int first = isUnbatched ? 0 : 1;
        return HasChannels(isUnbatched || _shape.Length == rank, first)
            ? NormalizationPlan.Groups(isUnbatched ? 1 : _shape[0], _channels, Positions(first), _channels, _axis)
            : throw Refusal($"{Expected(positions)} or {Expected(positions, samples: "")}");
    }

    /// <summary>[N, C, ...] with statistics of the channels at each position; the positions of [N, C] are rows.</summary>
    public NormalizationPlan PositionsOf(bool subtractMean)
    {
        if (!HasChannels(_shape.Length >= 2, 1))
            throw Refusal(Expected("..."));
        return _shape.Length == 2
            ? NormalizationPlan.Rows(_shape[0], _channels, subtractMean)
            : NormalizationPlan.Positions(_shape[0], _channels, Positions(1), subtractMean);
    }

    private bool HasChannels(bool rankFits, int first) =>
        rankFits && _shape[_axis == ChannelAxis.First ? first : _shape.Length - 1] == _channels;

    /// <summary>The product of the sizes of all positions; <paramref name="first"/> is the first dimension behind the samples.</summary>
    private int Positions(int first) =>
        _axis == ChannelAxis.First ? Shape.Product(_shape, first + 1) : Shape.Product(_shape[..^1], first);

    private string Expected(string positions, string samples = "N, ") =>
        _axis == ChannelAxis.First ? $"[{samples}{_channels}, {positions}]" : $"[{samples}{positions}, {_channels}]";

    private ArgumentException Refusal(string expected) => Guard.InputError($"expected input {expected}, got {Shape.Format(_shape)}");
}
