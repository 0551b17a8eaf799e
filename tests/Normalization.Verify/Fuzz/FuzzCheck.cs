using System.Diagnostics;
using System.Globalization;
using System.IO.MemoryMappedFiles;

namespace Normalization.Verify.Fuzz;

/// <summary>
/// Runs the cases of a command in a child process, so that a crash or a hang is a finding too, and says which case it was. A case
/// has a seed and a number, and throws <see cref="FuzzFailure"/> where a promise is broken.
/// </summary>
internal sealed class FuzzCheck(string command, string promise, Action<int, int> runCase)
{
    private const int MostCrashes = 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    /// <summary>Random calls, right and wrong.</summary>
    public static FuzzCheck Calls { get; } = new("fuzz", "only documented exceptions, and nothing changed by any of them", RunCall);

    /// <summary>Runs cases in this process and returns the failures by message, each with its first case.</summary>
    public Dictionary<string, int> RunCases(int seed, int first, int count, Action<int>? begin = null, Action<string, int>? found = null)
    {
        var failures = new Dictionary<string, int>();
        for (int number = first; number < first + count; number++)
        {
            begin?.Invoke(number);
            try
            {
                runCase(seed, number);
            }
            catch (FuzzFailure failure)
            {
                if (failures.TryAdd(failure.Message, number))
                    found?.Invoke(failure.Message, number);
            }
        }
        return failures;
    }

    /// <summary>One case again, in this process and with its whole story.</summary>
    public bool Repeat(TextWriter output, int seed, int number)
    {
        try
        {
            runCase(seed, number);
            output.WriteLine($"case {number} with seed {seed}: nothing broken");
            return true;
        }
        catch (FuzzFailure failure)
        {
            output.WriteLine($"case {number} with seed {seed}: {failure}");
            return false;
        }
    }

    public bool Check(TextWriter output, int seed, int count)
    {
        var clock = Stopwatch.StartNew();
        string progress = Path.GetTempFileName();
        int crashes = 0;
        bool isKept = true;
        try
        {
            for (int next = 0; next < count && crashes < MostCrashes;)
            {
                (int exitCode, int reached, string text) = RunChild(seed, next, count - next, progress);
                isKept &= exitCode == 0;
                output.Write(text);
                if (exitCode is 0 or 1)
                    break;
                output.WriteLine($"case {reached}: {(exitCode == -1 ? "HUNG" : $"CRASHED with exit code {exitCode}")}; repeat: {command} --seed {seed} --only {reached}");
                crashes++;
                next = reached + 1;
            }
        }
        finally
        {
            File.Delete(progress);
        }
        output.WriteLine($"{count} cases with seed {seed} in {clock.Elapsed.TotalSeconds:f0} s: {(isKept ? promise : "PROMISES BROKEN")}");
        return isKept;
    }

    /// <summary>What the child process does; the number of the case goes to a file that outlives a crash.</summary>
    public bool RunAsChild(TextWriter output, int seed, int first, int count, string progress)
    {
        using var file = MemoryMappedFile.CreateFromFile(progress, FileMode.Open, null, sizeof(int));
        using MemoryMappedViewAccessor number = file.CreateViewAccessor();
        // A failure is written when it is found: the process may not live to write it later.
        Dictionary<string, int> failures = RunCases(seed, first, count, reached => number.Write(0, reached), (message, found) =>
        {
            output.WriteLine($"BROKEN: {message}; repeat: {command} --seed {seed} --only {found}");
            output.Flush();
        });
        return failures.Count == 0;
    }

    private static void RunCall(int seed, int number)
    {
        var random = new FuzzRandom(seed, number);
        bool isSingle = random.Chance(0.5);
        switch (random.Below(16))
        {
            case 15 when isSingle:
                PositionsCase<float>.Run(random);
                break;
            case 15:
                PositionsCase<double>.Run(random);
                break;
            case 14 when isSingle:
                SecondOrderCase<float>.Run(random);
                break;
            case 14:
                SecondOrderCase<double>.Run(random);
                break;
            case 13 when isSingle:
                FamilyCase<float>.Run(random);
                break;
            case 13:
                FamilyCase<double>.Run(random);
                break;
            case > 10 when isSingle:
                FusedCase<float>.Run(random);
                break;
            case > 10:
                FusedCase<double>.Run(random);
                break;
            case < 6 when isSingle:
                LayerCase<float>.Run(random);
                break;
            case < 6:
                LayerCase<double>.Run(random);
                break;
            case < 9 when isSingle:
                PrimitiveCase<float>.Run(random);
                break;
            case < 9:
                PrimitiveCase<double>.Run(random);
                break;
            case 9 when random.Chance(0.5):
                if (isSingle)
                    PartsCase<float>.Run(random);
                else
                    PartsCase<double>.Run(random);
                break;
            case 9 when isSingle:
                LocalResponseCase<float>.Run(random);
                break;
            case 9:
                LocalResponseCase<double>.Run(random);
                break;
            default:
                if (isSingle)
                    TensorCase<float>.Run(random);
                else
                    TensorCase<double>.Run(random);
                break;
        }
    }

    private (int ExitCode, int Reached, string Text) RunChild(int seed, int first, int count, string progress)
    {
        File.WriteAllBytes(progress, BitConverter.GetBytes(first));
        string[] arguments = [command, "--seed", Text(seed), "--start", Text(first), "--n", Text(count), "--progress", progress];
        using Process process = ChildProcess.Start(arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        for (int reached = -1; !process.WaitForExit(s_patience);)
        {
            int now = Reached(progress);
            if (now == reached)
            {
                process.Kill();
                process.WaitForExit();
                return (-1, now, output.Result);
            }
            reached = now;
        }
        process.WaitForExit();
        return (process.ExitCode, Reached(progress), output.Result);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int Reached(string progress)
    {
        using var stream = new FileStream(progress, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        stream.ReadExactly(bytes);
        return BitConverter.ToInt32(bytes);
    }
}
