using System.Globalization;
using System.Text.Json.Serialization;

namespace Normalization.Benchmarks.Results;

/// <summary>The times of one case in one column: the median of each round, and the least of all, in µs.</summary>
internal sealed record Timing(
    [property: JsonPropertyName("op")] string Operation,
    [property: JsonPropertyName("shape")] string Shape,
    [property: JsonPropertyName("threads")] int Threads,
    [property: JsonPropertyName("instructions")] string Instructions,
    [property: JsonPropertyName("library")] string Library,
    [property: JsonPropertyName("layout")] string Layout,
    [property: JsonPropertyName("rounds_us")] IReadOnlyList<double> Rounds,
    [property: JsonPropertyName("min_us")] double Least)
{
    public const string This = "Normalization";
    public const string Limit = "limit";
    public const string Composition = "TensorPrimitives";
    public const string Plain = "plain", ChannelsLast = "channels-last", Unfused = "unfused", Double = "double", NonTemporal = "non-temporal";

    /// <summary>The library, and the layout where it is not the plain one.</summary>
    [JsonIgnore]
    public string Column => Layout == Plain ? Library : $"{Library}, {Layout}";

    [JsonIgnore]
    public bool IsPeer => Library is not (This or Limit or Composition);

    /// <summary>The median of the rounds' medians.</summary>
    [JsonIgnore]
    public double Median => RoundTimes.MedianOf(Rounds);
}

/// <summary>A ratio of two times: that of the medians, and the least and the greatest of the rounds, which interleave the two.</summary>
internal readonly record struct Ratio(double Value, double Least, double Most)
{
    /// <summary>How many times as long the first takes.</summary>
    public static Ratio Of(Timing first, Timing second)
    {
        double[] rounds = [.. first.Rounds.Zip(second.Rounds, static (a, b) => a / b)];
        return new(first.Median / second.Median, rounds.Min(), rounds.Max());
    }

    public override string ToString() => $"{Value:F2} ({Least:F2} to {Most:F2})";
}

/// <summary>All that was measured of one operation on one shape with one number of threads and one set of instructions.</summary>
internal sealed class TimedCase
{
    /// <summary>From this size on, the speed of the memory says something about a tensor.</summary>
    public const long LeastBytes = 1 << 20;

    // What a call leaves of a tensor of this size in the caches is not worth mentioning.
    private const double LargeBytes = 24e6;

    private readonly Timing[] _timings;

    public TimedCase(IEnumerable<Timing> timings)
    {
        _timings = [.. timings];
        OwnTiming = Find(static t => t is { Library: Timing.This, Layout: Timing.Plain });
        FastestPeerTiming = Find(static t => t.IsPeer);
        Lead = OwnTiming is { } own && FastestPeerTiming is { } peer ? Ratio.Of(peer, own) : null;
    }

    public string Operation => _timings[0].Operation;

    public string Shape => _timings[0].Shape;

    public int Threads => _timings[0].Threads;

    public string Instructions => _timings[0].Instructions;

    public bool IsBackward => Benchmarks.Operation.Parse(Operation).IsBackward;

    /// <summary>The bytes of one tensor of floats.</summary>
    public long Bytes => Shape.Split('x').Select(static size => long.Parse(size, CultureInfo.InvariantCulture)).Aggregate(4L, (product, dimension) => product * dimension);

    public bool IsLarge => Bytes >= LargeBytes;

    /// <summary>Whether it is large enough to speak of memory and fits into the last-level cache.</summary>
    public bool IsMedium => Bytes >= LeastBytes && !IsLarge;

    public Timing? OwnTiming { get; }

    public Timing? FastestPeerTiming { get; }

    /// <summary>How many times as long the fastest peer takes, in whatever layout, or null where one of the two is missing.</summary>
    public Ratio? Lead { get; }

    public double Own => OwnTiming?.Median ?? double.NaN;

    public double Double => Median(static t => t is { Library: Timing.This, Layout: Timing.Double });

    public double Unfused => Median(static t => t is { Library: Timing.This, Layout: Timing.Unfused });

    public double ChannelsLast => Median(static t => t is { Library: Timing.This, Layout: Timing.ChannelsLast });

    public double FastestPlainPeer => Median(static t => t is { IsPeer: true, Layout: Timing.Plain });

    public double FastestChannelsLastPeer => Median(static t => t is { IsPeer: true, Layout: Timing.ChannelsLast });

    public double NonTemporalLimit => Median(static t => t is { Library: Timing.Limit, Layout: Timing.NonTemporal });

    /// <summary>The faster of the two limits.</summary>
    public double Limit => Median(static t => t.Library == Timing.Limit);

    public double Of(string column) => Median(t => t.Column == column);

    public static TimedCase[] Group(IEnumerable<Timing> timings) =>
        [.. timings.GroupBy(t => (t.Operation, t.Shape, t.Threads, t.Instructions)).Select(g => new TimedCase(g))];

    private Timing? Find(Func<Timing, bool> isMeant) => _timings.Where(isMeant).MinBy(static t => t.Median);

    /// <summary>The least median of those that are meant, or NaN where there is none.</summary>
    private double Median(Func<Timing, bool> isMeant) => Find(isMeant)?.Median ?? double.NaN;
}
