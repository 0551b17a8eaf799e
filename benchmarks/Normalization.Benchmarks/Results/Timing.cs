using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Normalization.Benchmarks.Results;

/// <summary>One line of the comparison's JSON.</summary>
internal sealed record Timing(
    [property: JsonPropertyName("op")] string Operation,
    [property: JsonPropertyName("shape")] string Shape,
    [property: JsonPropertyName("threads")] int Threads,
    [property: JsonPropertyName("library")] string Library,
    [property: JsonPropertyName("layout")] string Layout,
    [property: JsonPropertyName("median_us")] double MedianMicroseconds,
    [property: JsonPropertyName("min_us")] double MinMicroseconds)
{
    public const string This = "Normalization";
    public const string Limit = "limit";
    public const string Composition = "TensorPrimitives";

    /// <summary>The library, and the layout where it is not the plain one.</summary>
    [JsonIgnore]
    public string Column => Layout == "plain" ? Library : $"{Library}, {Layout}";

    [JsonIgnore]
    public bool IsPeer => Library is not (This or Limit or Composition);

    public static Timing[] Read(string path) => [.. File.ReadLines(path).Select(line => JsonSerializer.Deserialize<Timing>(line)!)];
}

/// <summary>All that was measured of one operation on one shape with one number of threads.</summary>
internal sealed class TimedCase(IEnumerable<Timing> timings)
{
    private readonly Timing[] _timings = [.. timings];

    public string Operation => _timings[0].Operation;

    public string Shape => _timings[0].Shape;

    public int Threads => _timings[0].Threads;

    public bool IsBackward => Operation.EndsWith("-backward", StringComparison.Ordinal);

    /// <summary>The bytes of one tensor of floats.</summary>
    public long Bytes => Shape.Split('x').Select(static size => long.Parse(size, CultureInfo.InvariantCulture)).Aggregate(4L, (product, dimension) => product * dimension);

    public double Own => Median(t => t is { Library: Timing.This, Layout: "plain" });

    public double Double => Median(t => t is { Library: Timing.This, Layout: "double" });

    public double FastestPeer => Median(t => t.IsPeer);

    public string FastestPeerColumn => _timings.Where(t => t.IsPeer).MinBy(t => t.MedianMicroseconds)!.Column;

    public double FastestPlainPeer => Median(t => t is { IsPeer: true, Layout: "plain" });

    public double NonTemporalLimit => Median(t => t is { Library: Timing.Limit, Layout: "non-temporal" });

    /// <summary>The faster of the two limits.</summary>
    public double Limit => Median(t => t.Library == Timing.Limit);

    public double Of(string column) => Median(t => t.Column == column);

    public static TimedCase[] Group(IEnumerable<Timing> timings) =>
        [.. timings.GroupBy(t => (t.Operation, t.Shape, t.Threads)).Select(g => new TimedCase(g))];

    /// <summary>The least median of those that are meant, or NaN where there is none.</summary>
    private double Median(Func<Timing, bool> isMeant) => _timings.Where(isMeant).Select(t => t.MedianMicroseconds).DefaultIfEmpty(double.NaN).Min();
}
