using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Normalization.Verify;

/// <summary>This program again, in a process of its own: for knobs that a runtime reads when it starts, and for crashes.</summary>
internal static class ChildProcess
{
    /// <summary>The exit code of a process that had to be ended.</summary>
    public const int NoAnswer = int.MinValue;

    public static Process Start(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? knobs = null) =>
        Launch(
            [HostPath, Program, .. arguments],
            (knobs ?? new Dictionary<string, string>()).Select(static knob => KeyValuePair.Create("DOTNET_" + knob.Key, knob.Value)));

    /// <summary>Runs to the end, or for so long at most.</summary>
    public static (int ExitCode, string Output) Run(
        IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? knobs = null, int timeoutSeconds = 600)
    {
        using Process process = Start(arguments, knobs);
        return Finish(process, timeoutSeconds);
    }

    /// <summary>Runs under a launcher, mpirun for example, with more variables in the environment.</summary>
    public static (int ExitCode, string Output) RunUnder(
        IEnumerable<string> launcher, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> variables, int timeoutSeconds)
    {
        using Process process = Launch([.. launcher, HostPath, Program, .. arguments], variables);
        return Finish(process, timeoutSeconds);
    }

    /// <summary>Another program that lies beside this one, under a launcher.</summary>
    public static (int ExitCode, string Output) RunOtherUnder(IEnumerable<string> launcher, string program, IEnumerable<string> arguments)
    {
        string path = Path.Combine(AppContext.BaseDirectory, program);
        using Process process = Launch([.. launcher, HostPath, path, .. arguments], []);
        return Finish(process, timeoutSeconds: 600);
    }

    /// <summary>The host with these arguments in a folder: an SDK command or another program.</summary>
    public static (int ExitCode, string Output) RunHost(string folder, IEnumerable<string> arguments)
    {
        using Process process = Launch([HostPath, .. arguments], [], folder);
        return Finish(process, timeoutSeconds: 1200);
    }

    private static Process Launch(IReadOnlyList<string> command, IEnumerable<KeyValuePair<string, string>> variables, string folder = "")
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder };
        foreach ((string name, string value) in variables)
            start.Environment[name] = value;
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

    private static string Program => typeof(ChildProcess).Assembly.Location;

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
