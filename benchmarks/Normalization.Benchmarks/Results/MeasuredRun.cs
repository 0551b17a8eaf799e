using System.Runtime.InteropServices;
using System.Text.Json.Serialization;

namespace Normalization.Benchmarks.Results;

/// <summary>The conditions of the timings that follow in a file.</summary>
internal sealed record MeasuredRun(
    [property: JsonPropertyName(MeasuredRun.MachineKey)] string Machine,
    [property: JsonPropertyName("instructions")] string Instructions,
    [property: JsonPropertyName("vector_bits")] int VectorBits,
    [property: JsonPropertyName("threads")] int Threads,
    [property: JsonPropertyName("rounds")] int Rounds,
    [property: JsonPropertyName("milliseconds")] double Milliseconds,
    [property: JsonPropertyName("libraries")] IReadOnlyDictionary<string, string> Libraries)
{
    public const string MachineKey = "machine";

    /// <summary>Gets the processor, the runtime and the system in words.</summary>
    [JsonIgnore]
    public static string ThisMachine
    {
        get
        {
            const string Information = "/proc/cpuinfo", ModelLine = "model name";
            string? line = File.Exists(Information)
                ? File.ReadLines(Information).FirstOrDefault(l => l.StartsWith(ModelLine, StringComparison.Ordinal))
                : null;
            string model = line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':', StringComparison.Ordinal) + 2)..];
            return $"{model}, {Environment.ProcessorCount} processors, {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription}";
        }
    }
}
