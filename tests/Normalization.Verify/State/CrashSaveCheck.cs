using System.Diagnostics;
using System.Globalization;

namespace Normalization.Verify.State;

/// <summary>
/// A child process that saves one version of a model after another over the same file is killed at random moments. The file must
/// then be whole, and hold the last version that was announced or the one after it.
/// </summary>
internal static class CrashSaveCheck
{
    private const string VersionKey = "version";
    private const int Tensors = 16;
    private const int TensorLength = 1 << 14;
    private static readonly TimeSpan s_longestWait = TimeSpan.FromMilliseconds(30);

    // A child whose parent is gone must not go on for ever.
    private static readonly TimeSpan s_longestLife = TimeSpan.FromMinutes(5);

    public static bool Check(TextWriter output, int kills, int seed, bool isPlanted = false)
    {
        var clock = Stopwatch.StartNew();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("normalization-crash-save-");
        try
        {
            string path = Path.Combine(folder.FullName, "model.safetensors");
            SafeTensorsFile.Save(path, Version(0));
            var random = new Random(seed);
            long version = 0;
            int broken = 0, interrupted = 0;
            for (int kill = 0; kill < kills; kill++)
            {
                long announced = KillOne(path, isPlanted, random.NextDouble() * s_longestWait);
                string? complaint = Judge(path, Math.Max(version, announced), out long found);
                if (complaint is not null)
                {
                    output.WriteLine($"kill {kill}: {complaint}");
                    broken++;
                    SafeTensorsFile.Save(path, Version(found));
                }
                version = found;
                interrupted += RemoveTemporaryFiles(folder) > 0 ? 1 : 0;
            }
            output.WriteLine(
                $"{kills} kills in {clock.Elapsed.TotalSeconds:f0} s, {version} versions saved, {interrupted} kills in the middle of writing: {(broken == 0 ? "always the old file or the new one" : $"{broken} BROKEN FILES")}");
            return broken == 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>What the child process does until it is killed: read the file lazily, and save the next version over it.</summary>
    public static void SaveUntilKilled(TextWriter output, string path, bool isPlanted)
    {
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < s_longestLife)
        {
            long version;
            using (SafeTensorsFile file = SafeTensorsFile.Open(path))
                version = file.State[VersionKey].ToInt64();
            if (isPlanted)
                SaveHalf(path, Version(version + 1));
            else
                SafeTensorsFile.Save(path, Version(++version));
            output.WriteLine(version.ToString(CultureInfo.InvariantCulture));
            output.Flush();
            if (isPlanted)
                Thread.Sleep(s_longestLife);
        }
    }

    private static StateDictionary Version(long version)
    {
        var state = new StateDictionary { { VersionKey, version } };
        for (int i = 0; i < Tensors; i++)
            state.Add($"blocks.{i}.norm.weight", Tensor<float>.Full([TensorLength], version));
        return state;
    }

    /// <summary>The fault that the check has to notice: half of the file, in place.</summary>
    private static void SaveHalf(string path, StateDictionary state)
    {
        using var whole = new MemoryStream();
        SafeTensorsFile.Write(whole, state);
        File.WriteAllBytes(path, whole.ToArray()[..(int)(whole.Length / 2)]);
    }

    /// <summary>Returns the last version that the child had announced when it was killed.</summary>
    private static long KillOne(string path, bool isPlanted, TimeSpan wait)
    {
        string[] arguments = ["crash-save", "--child", path, .. isPlanted ? ["--planted"] : Array.Empty<string>()];
        using Process process = ChildProcess.Start(arguments);
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        string first = process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("The child process has ended before it saved anything.");
        Task<string> rest = process.StandardOutput.ReadToEndAsync();
        var clock = Stopwatch.StartNew();
        // The timer of the system is too coarse to hit every part of a save.
        while (clock.Elapsed < wait)
            Thread.SpinWait(100);
        process.Kill();
        process.WaitForExit();
        string last = rest.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault(first);
        return long.Parse(last, CultureInfo.InvariantCulture);
    }

    private static string? Judge(string path, long announced, out long found)
    {
        found = announced;
        try
        {
            StateDictionary state = SafeTensorsFile.Load(path);
            long version = found = state[VersionKey].ToInt64();
            if (version < announced || version > announced + 1)
                return $"version {version} is there, and {announced} was announced";
            bool isWhole = state.Count == Tensors + 1 && state.Values.Where(static value => value.ElementType == "F32").All(value => value.ToTensor<float>().Span.IndexOfAnyExcept((float)version) < 0);
            return isWhole ? null : $"version {version} is mixed with another one";
        }
        catch (Exception exception) when (exception is InvalidDataException or IOException or KeyNotFoundException)
        {
            return $"{exception.GetType().Name}: {exception.Message}";
        }
    }

    private static int RemoveTemporaryFiles(DirectoryInfo folder)
    {
        FileInfo[] files = folder.GetFiles(".*.safetensors.tmp");
        foreach (FileInfo file in files)
            file.Delete();
        return files.Length;
    }
}
