using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Normalization.Verify;

/// <summary>This program again, in a process of its own: for knobs that a runtime reads when it starts, and for crashes.</summary>
internal static class ChildProcess
{
    public static Process Start(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? knobs = null)
    {
        var start = new ProcessStartInfo(HostPath) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(typeof(ChildProcess).Assembly.Location);
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        foreach ((string name, string value) in knobs ?? new Dictionary<string, string>())
            start.Environment["DOTNET_" + name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Runs to the end, or for so long at most.</summary>
    public static (int ExitCode, string Output) Run(
        IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? knobs = null, int timeoutSeconds = 600)
    {
        using Process process = Start(arguments, knobs);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromSeconds(timeoutSeconds)))
        {
            process.Kill();
            return (-1, $"no answer within {timeoutSeconds} s");
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
