using System.Globalization;
using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization;

/// <summary>
/// What the ranks of a synchronized BatchNorm tell each other: one message a pass, gathered from all. Every rank computes the same
/// from the same numbers in the same order, which gives all of them the same bits; a sum inside the transport need not.
/// </summary>
internal sealed class Synchronization
{
    // The kind of the message, the channels, the bytes of an element, the layer, the call, and two numbers that depend on the kind.
    private const int HeaderLength = 7;

    // Mean, its low part, M2. Without the low part, elements near a mean that is large against the deviation would lose digits.
    private const int MomentLength = 3;

    // Σ dy and Σ dy · (x - mean).
    private const int SumLength = 2;

    private static readonly ConditionalWeakTable<ICollective, Numbers> _numbersOf = [];

    private readonly ICollective _collective;
    private readonly Numbers _numbers;
    private readonly int _channels;
    private readonly int _elementSize;

    // Tells equal layers apart.
    private readonly double _layer;

    // A pass has begun, and the other ranks wait for this one's message.
    private bool _isAwaited;

    private Synchronization(ICollective collective, int channels, int elementSize)
    {
        _collective = collective;
        _numbers = _numbersOf.GetOrAdd(collective, static _ => new());
        _channels = channels;
        _elementSize = elementSize;
        _layer = _numbers.Layers + 1;
    }

    private enum Kind
    {
        Refusal,
        Layer,
        Forward,
        Backward,
    }

    /// <summary>Makes sure that all ranks have the same layer.</summary>
    public static Synchronization Agree(ICollective collective, int channels, int elementSize, double epsilon)
    {
        var synchronization = new Synchronization(collective, channels, elementSize);
        synchronization.BeginCall();
        using var message = new Message(synchronization, 0);
        message.Exchange(Kind.Layer, epsilon);
        message.GuardEqualDetails();
        return synchronization;
    }

    /// <summary>Tells the other ranks that this one has a layer that cannot be synchronized.</summary>
    public static void Refuse(ICollective collective)
    {
        using var call = new Call(new(collective, channels: 0, elementSize: 0), 0);
    }

    /// <summary>Begins a forward pass that the other ranks wait for, if there are any.</summary>
    public static Call BeginForward(Synchronization? ranks) => new(ranks, MomentLength);

    /// <summary>Begins a backward pass that the other ranks wait for, if there are any.</summary>
    public static Call BeginBackward(Synchronization? ranks) => new(ranks, SumLength);

    /// <summary>Throws unless a pass with this plan has what the ranks exchange.</summary>
    public void GuardPlan(in Plan plan)
    {
        if (plan.PieceSize > 0)
            throw new InvalidOperationException("Ranks share the statistics of whole batches, and this layer has virtual batches.");
        if (plan.Statistics != StatisticsSharing.Channel || plan.C != _channels)
        {
            throw new InvalidOperationException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The ranks share the statistics of {_channels} channels, and this input has a plan with others."));
        }
    }

    /// <summary>
    /// Turns the statistics of this rank's elements, whose weights and squared weights have these sums, into those of all. Returns what
    /// the elements of a channel weigh, and how many of equal weight they are as good as.
    /// </summary>
    public (double Elements, double Effective) MergeMoments<T>(
        Span<GroupStatistics> statistics, double count, double squares, double epsilon)
        where T : unmanaged
    {
        using var message = new Message(this, MomentLength);
        for (int channel = 0; channel < _channels; channel++)
        {
            CountedMoments own = CountedMoments.Of(statistics[channel], count);
            Span<double> moments = message[channel];
            (moments[0], moments[1], moments[2]) = (own.Mean, own.Low, own.M2);
        }
        message.Exchange(Kind.Forward, count, squares);
        using var parts = new Scratch<CountedMoments>(_collective.Size);
        double total = 0, totalSquares = 0;
        for (int rank = 0; rank < _collective.Size; rank++)
            (total, totalSquares) = (total + message.Detail(rank), totalSquares + message.Squares(rank));
        for (int channel = 0; channel < _channels && total > 0; channel++)
        {
            for (int rank = 0; rank < _collective.Size; rank++)
            {
                ReadOnlySpan<double> moments = message.Of(rank, channel);
                parts.Span[rank] = new(message.Detail(rank), moments[0], moments[1], moments[2]);
            }
            statistics[channel] = CountedMoments.Merge<T>(parts.Span, epsilon);
        }
        return (total, totalSquares == total ? total : total * total / totalSquares);
    }

    /// <summary>Turns the sums of this rank into those of all ranks, which have so many elements together.</summary>
    public void AddSums(ReadOnlySpan<Sums> own, Span<Sums> total, double elements)
    {
        using var message = new Message(this, SumLength);
        for (int channel = 0; channel < _channels; channel++)
            (message[channel][0], message[channel][1]) = (own[channel].Sum, own[channel].Product);
        message.Exchange(Kind.Backward, elements);
        message.GuardEqualDetails();
        total.Clear();
        for (int rank = 0; rank < _collective.Size; rank++)
        {
            for (int channel = 0; channel < _channels; channel++)
            {
                ReadOnlySpan<double> sums = message.Of(rank, channel);
                total[channel].Add(new() { Sum = sums[0], Product = sums[1] });
            }
        }
    }

    private void BeginCall()
    {
        // A call that contains other calls counts once.
        if (_isAwaited)
            return;
        _isAwaited = true;
        _numbers.Calls++;
    }

    private void Refuse(int valuesPerChannel)
    {
        using var message = new Message(this, valuesPerChannel);
        try
        {
            message.Exchange(Kind.Refusal, 0);
        }
        catch (CollectiveException)
        {
            // The caller throws what was wrong with the arguments, which says more.
        }
    }

    /// <summary>
    /// What the layers over one collective have in common on one rank. The number of layers tells equal layers apart, and the number
    /// of calls tells ranks apart of which one has made a call without the others.
    /// </summary>
    private sealed class Numbers
    {
        public double Layers { get; private set; }

        public double Calls { get; set; }

        public void CatchUp(double layers, double calls) => (Layers, Calls) = (Math.Max(Layers, layers), Math.Max(Calls, calls));
    }

    /// <summary>
    /// A pass on this rank. A pass that ends before it has sent its message tells the other ranks that its arguments were refused.
    /// </summary>
    internal readonly ref struct Call : IDisposable
    {
        private readonly Synchronization? _owner;
        private readonly int _valuesPerChannel;

        public Call(Synchronization? owner, int valuesPerChannel)
        {
            (_owner, _valuesPerChannel) = (owner, valuesPerChannel);
            owner?.BeginCall();
        }

        public void Dispose()
        {
            if (_owner is { _isAwaited: true })
                _owner.Refuse(_valuesPerChannel);
        }
    }

    /// <summary>The message of this rank and, once exchanged, those of all: a header and some values for each channel.</summary>
    private readonly ref struct Message : IDisposable
    {
        private readonly Synchronization _owner;
        private readonly Scratch<double> _scratch;
        private readonly int _valuesPerChannel;
        private readonly int _length;

        public Message(Synchronization owner, int valuesPerChannel)
        {
            _owner = owner;
            _valuesPerChannel = valuesPerChannel;
            _length = checked(HeaderLength + (valuesPerChannel * owner._channels));
            _scratch = new((nint)(owner._collective.Size + 1) * _length);
        }

        public Span<double> this[int channel] => Values(_scratch.Span, channel);

        private Span<double> Gathered => _scratch.Span[_length..];

        public ReadOnlySpan<double> Of(int rank, int channel) => Values(Gathered[(rank * _length)..], channel);

        public double Detail(int rank) => Header(rank)[^1];

        public double Squares(int rank) => Header(rank)[^2];

        /// <summary>Throws, on every rank alike, where the ranks are not in the same pass of the same layer.</summary>
        public void Exchange(Kind kind, double detail, double squares = 0)
        {
            Span<double> own = _scratch.Span[.._length];
            (own[0], own[1], own[2], own[3], own[4], own[5], own[6]) =
                ((double)kind, _owner._channels, _owner._elementSize, _owner._layer, _owner._numbers.Calls, squares, detail);
            _owner._isAwaited = false;
            try
            {
                _owner._collective.AllGather(own, Gathered);
            }
            catch (CollectiveException exception)
            {
                throw new CollectiveException($"{exception.Message} This rank was at: {Describe(own)}.", exception);
            }
            // After the error the ranks count from the same numbers again.
            for (int rank = 0; rank < _owner._collective.Size; rank++)
                _owner._numbers.CatchUp(Header(rank)[3], Header(rank)[4]);
            for (int rank = 0; rank < _owner._collective.Size; rank++)
            {
                if (!Header(rank)[..^2].SequenceEqual(Header(0)[..^2]) || Header(rank)[0] == (double)Kind.Refusal)
                    throw Disagreement();
            }
        }

        public void GuardEqualDetails()
        {
            for (int rank = 1; rank < _owner._collective.Size; rank++)
            {
                if (Detail(rank) != Detail(0))
                    throw Disagreement();
            }
        }

        public void Dispose() => _scratch.Dispose();

        private Span<double> Values(Span<double> message, int channel) =>
            message.Slice(HeaderLength + (channel * _valuesPerChannel), _valuesPerChannel);

        private ReadOnlySpan<double> Header(int rank) => Gathered.Slice(rank * _length, HeaderLength);

        private CollectiveException Disagreement()
        {
            var ranks = new List<(string Text, int Rank)>();
            for (int rank = 0; rank < _owner._collective.Size; rank++)
                ranks.Add((Describe(Header(rank)), rank));
            IEnumerable<string> parts = ranks.GroupBy(static item => item.Text, static item => item.Rank)
                .Select(static group => $"{(group.Count() == 1 ? "rank" : "ranks")} {Shape.List(group)}: {group.Key}");
            return new(
                $"The ranks do not fit together ({string.Join("; ", parts)}). "
                + "All ranks must call equal layers, synchronized in the same order, in the same order.");
        }

        private static string Describe(ReadOnlySpan<double> header)
        {
            string layer = string.Create(
                CultureInfo.InvariantCulture,
                $"a BatchNorm of {header[1]} channels of {(header[2] == sizeof(float) ? "float" : "double")}");
            string what = (Kind)header[0] switch
            {
                Kind.Refusal => "arguments refused, as its own exception says",
                Kind.Layer => string.Create(CultureInfo.InvariantCulture, $"{layer} with epsilon {header[6]}"),
                Kind.Forward => $"forward through {layer}",
                Kind.Backward => string.Create(CultureInfo.InvariantCulture, $"backward through {layer} and {header[6]} elements in each"),
                _ => "something else",
            };
            return string.Create(CultureInfo.InvariantCulture, $"{what} (layer {header[3]}, call {header[4]})");
        }
    }
}
