using System.Globalization;
using Normalization.Kernels;

namespace Normalization.Verify.Reproducibility;

/// <summary>The hash under every knob that could change it. Like is compared with like: tiny with tiny, quick with quick.</summary>
internal static class HashMatrix
{
    private sealed record Run(string Name, HashSize Size, string[] Options, string? Knob = null, string Value = "0", int? Width = null);

    public static bool Check(TextWriter output, HashSize usual)
    {
        var expected = new Dictionary<HashSize, string>();
        bool isKept = true;
        foreach (Run run in Runs(usual))
        {
            Dictionary<string, string> knobs = run.Knob is null ? [] : new() { [run.Knob] = run.Value };
            string[] size = run.Size == HashSize.Full ? [] : run.Size == HashSize.Quick ? ["--quick"] : ["--tiny"];
            (int exitCode, string text) = ChildProcess.Run(["hash", .. size, .. run.Options], knobs, timeoutSeconds: 1800);
            string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            string verdict = Judge(run, exitCode, lines, expected);
            isKept &= verdict == "same";
            output.WriteLine($"{run.Name,-38} {run.Size,-6} {verdict,-9} {(lines.Length > 0 ? lines[^1] : "")}");
        }
        IReadOnlyList<string> alone = HashCheck.CompareAloneWithBatch();
        foreach (string difference in alone)
            output.WriteLine(difference);
        output.WriteLine(alone.Count == 0 ? "samples have the same bits alone as in their batch" : "samples alone DIFFER from their batch");
        return isKept && alone.Count == 0;
    }

    private static string Judge(Run run, int exitCode, string[] lines, Dictionary<HashSize, string> expected)
    {
        if (exitCode != 0 || lines.Length == 0)
            return $"exit code {exitCode}";
        foreach (string line in lines)
        {
            string[] words = line.Split(' ');
            expected.TryAdd(run.Size, words[0]);
            if (words[0] != expected[run.Size])
                return "DIFFERENT";
            if (run.Width is int width && words[2] != width.ToString(CultureInfo.InvariantCulture))
                return $"NOT {width} BITS";
            if (run.Knob == "PROCESSOR_COUNT" && words[^1] != run.Value)
                return $"NOT {run.Value} PROCESSORS";
        }
        return "same";
    }

    private static IEnumerable<Run> Runs(HashSize usual)
    {
        // A knob that takes away what the machine does not have would prove nothing, so each says which width it must leave.
        int widest = KernelSet<float>.Active.Width;
        yield return new("no knob", usual, [], Width: widest);
        yield return new("no knob", HashSize.Quick, [], Width: widest);
        yield return new("no knob", HashSize.Tiny, [], Width: widest);
        yield return new("PreferredVectorBitWidth=128", usual, [], "PreferredVectorBitWidth", "128", Width: 128);
        yield return new("PreferredVectorBitWidth=256", usual, [], "PreferredVectorBitWidth", "256", Width: Math.Min(widest, 256));
        yield return new("EnableAVX512=0", usual, [], "EnableAVX512", Width: Math.Min(widest, 256));
        yield return new("EnableAVX2=0", usual, [], "EnableAVX2", Width: 128);
        yield return new("EnableAVX=0", usual, [], "EnableAVX", Width: 128);
        yield return new("EnableFMA=0", usual, [], "EnableFMA");
        yield return new("EnableHWIntrinsic=0", HashSize.Quick, [], "EnableHWIntrinsic", Width: 128);
        yield return new("TieredCompilation=0", usual, [], "TieredCompilation");
        yield return new("TieredPGO=0", usual, [], "TieredPGO");
        foreach (int width in (int[])[128, 256, 512])
            yield return new($"kernels of {width} bits forced", usual, ["--width", $"{width}"], Width: width);
        yield return new("512 bits forced without AVX512", HashSize.Quick, ["--width", "512"], "EnableAVX512", Width: 512);
        foreach (int count in (int[])[1, 2, 3, 7, 16])
            yield return new($"PROCESSOR_COUNT={count}", usual, [], "PROCESSOR_COUNT", $"{count}");
        foreach (int degree in (int[])[1, 2, 3, 7, 16])
            yield return new($"MaxDegree {degree}", usual, ["--degree", $"{degree}"]);
        yield return new("20 repeats in one process", HashSize.Quick, ["--repeats", "20"]);
        yield return new("20 repeats, MaxDegree 7", HashSize.Quick, ["--repeats", "20", "--degree", "7"]);
        yield return new("GCStress=3 (if the runtime has it)", HashSize.Tiny, [], "GCStress", "3");
        yield return new("collecting all the time", HashSize.Quick, ["--collect", "--degree", "4"]);
    }
}
