using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Normalization.Verify;

/// <summary>This program again, in a process of its own: for knobs that a runtime reads when it starts, and for crashes.</summary>
internal static class ChildProcess
{
    /// <summary>The exit code of a process that had to be ended.</summary>
    public const int NoAnswer = int.MinValue;

    public static Process Start(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? knobs = null) =>
        StartHost([typeof(ChildProcess).Assembly.Location, .. arguments], knobs);

    /// <summary>Runs to the end, or for so long at most.</summary>
    public static (int ExitCode, string Output) Run(
        IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? knobs = null, int timeoutSeconds = 600)
    {
        using Process process = Start(arguments, knobs);
        return Finish(process, timeoutSeconds);
    }

    /// <summary>The host with these arguments in a folder: an SDK command or another program.</summary>
    public static (int ExitCode, string Output) RunHost(string folder, IEnumerable<string> arguments)
    {
        using Process process = StartHost(arguments, folder: folder);
        return Finish(process, timeoutSeconds: 1200);
    }

    private static Process StartHost(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? knobs = null, string folder = "")
    {
        var start = new ProcessStartInfo(HostPath, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder };
        foreach ((string name, string value) in knobs ?? new Dictionary<string, string>())
            start.Environment["DOTNET_" + name] = value;
        return Process.Start(start)!;
    }

    private static (int ExitCode, string Output) Finish(Process process, int timeoutSeconds)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromSeconds(timeoutSeconds)))
        {
            process.Kill(entireProcessTree: true);
            return (NoAnswer, $"no answer within {timeoutSeconds} s");
        }
        return (process.ExitCode, output.Result + errors.Result);
    }

    // The host that runs this runtime: <root>/shared/Microsoft.NETCore.App/<version>/ lies three folders below it.
    private static string HostPath
    {
        get
        {
            string root = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
            string host = Path.Combine(root, OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet");
            return File.Exists(host) ? host : "dotnet";
        }
    }
}
