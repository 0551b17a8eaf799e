using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace Normalization.Benchmarks;

/// <summary>A running driver: one JSON line is written to it, one is read back.</summary>
internal sealed class PeerProcess : IDisposable
{
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromMinutes(3);

    private readonly Process _process;

    private PeerProcess(PeerDefinition definition, Process process)
    {
        Definition = definition;
        _process = process;
    }

    public PeerDefinition Definition { get; }

    public string Version { get; private set; } = "";

    /// <summary>Starts a driver; null, with the reason in words, when its library is not installed.</summary>
    public static PeerProcess? TryStart(PeerDefinition definition, int threads, string instructions, out string reason)
    {
        Process process;
        try
        {
            ProcessStartInfo command = definition.Command(threads, instructions);
            command.RedirectStandardInput = command.RedirectStandardOutput = command.RedirectStandardError = true;
            process = Process.Start(command)!;
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            reason = e.Message;
            return null;
        }

        string lastError = "it ended without a message";
        process.ErrorDataReceived += (_, e) => lastError = string.IsNullOrWhiteSpace(e.Data) ? lastError : e.Data.Trim();
        process.BeginErrorReadLine();
        PeerProcess peer = new(definition, process);
        try
        {
            using JsonDocument ready = JsonDocument.Parse(peer.ReadLine());
            peer.Version = ready.RootElement.GetProperty("version").GetString() ?? "";
            reason = "";
            return peer;
        }
        catch (Exception e) when (e is IOException or TimeoutException or JsonException)
        {
            peer.Stop();
            reason = lastError;
            process.Dispose();
            return null;
        }
    }

    public Measurement Measure(ComparisonCase item, string layout, double milliseconds)
    {
        try
        {
            using JsonDocument answer = Ask(new
            {
                op = item.Operation,
                shape = item.Shape,
                groups = item.Groups,
                layout,
                milliseconds,
            });
            JsonElement root = answer.RootElement;
            return root.TryGetProperty("unsupported", out JsonElement unsupported)
                ? Measurement.Without(unsupported.GetString() ?? "")
                : new(root.GetProperty("median_us").GetDouble(), root.GetProperty("min_us").GetDouble());
        }
        catch (Exception e) when (e is IOException or TimeoutException or JsonException)
        {
            return Measurement.Without($"the driver failed: {e.Message}");
        }
    }

    public void Forget()
    {
        try
        {
            Ask(new { op = "forget" }).Dispose();
        }
        catch (Exception e) when (e is IOException or TimeoutException or JsonException)
        {
            // A driver that has ended holds nothing; the next measurement reports it.
        }
    }

    public void Dispose()
    {
        Stop();
        _process.Dispose();
    }

    private void Stop()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The driver has ended already.
        }

        if (!_process.WaitForExit(TimeSpan.FromSeconds(5)))
            _process.Kill(entireProcessTree: true);

        // Without a limit it also waits for the last lines of the error stream.
        _process.WaitForExit();
    }

    private JsonDocument Ask(object request)
    {
        _process.StandardInput.WriteLine(JsonSerializer.Serialize(request));
        _process.StandardInput.Flush();
        return JsonDocument.Parse(ReadLine());
    }

    private string ReadLine()
    {
        using CancellationTokenSource timeout = new(AnswerTimeout);
        try
        {
            return _process.StandardOutput.ReadLineAsync(timeout.Token).AsTask().GetAwaiter().GetResult()
                ?? throw new IOException("the driver ended");
        }
        catch (OperationCanceledException)
        {
            // An answer that came late would be taken for the next one.
            _process.Kill(entireProcessTree: true);
            throw new TimeoutException($"no answer within {AnswerTimeout.TotalSeconds} s");
        }
    }
}

/// <summary>One layout of a running driver.</summary>
internal sealed class PeerColumn(PeerProcess process, string layout) : IComparisonColumn
{
    public string Library => process.Definition.Library;

    public string Layout => layout;

    public Measurement Measure(ComparisonCase item, double milliseconds) => process.Measure(item, layout, milliseconds);

    public void Forget() => process.Forget();
}
