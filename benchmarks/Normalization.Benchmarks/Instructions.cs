using System.Diagnostics;
using System.Runtime.Intrinsics;
using Normalization.Programs;

namespace Normalization.Benchmarks;

/// <summary>Which vector instructions the libraries of a comparison may use: all of the machine, or no more than AVX2.</summary>
internal static class Instructions
{
    public const string All = "all", Avx2 = "avx2";

    // What the runtime reads when a process starts; within a process nothing turns its instructions off.
    private const string WideVectors = "DOTNET_EnableAVX512", Off = "0";

    /// <summary>Gets the width of this process's vectors.</summary>
    public static int VectorBits => Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;

    /// <summary>Gets a value indicating whether there is more than AVX2 here.</summary>
    public static bool HasMoreThanAvx2 => Vector512.IsHardwareAccelerated;

    public static string Read(Options options)
    {
        string instructions = options.Text("--instructions") ?? All;
        return instructions is All or Avx2
            ? instructions
            : throw new UsageException($"--instructions: expected {All} or {Avx2}, got {instructions}");
    }

    /// <summary>Whether this process uses what it may not, so that another one has to do the work.</summary>
    public static bool NeedOwnProcess(string instructions)
    {
        if (instructions == Avx2 && !Vector256.IsHardwareAccelerated)
            throw new UsageException($"--instructions: this machine has no {Avx2}");
        if (instructions != Avx2 || !HasMoreThanAvx2)
            return false;
        return Environment.GetEnvironmentVariable(WideVectors) != Off
            ? true
            : throw new InvalidOperationException($"{WideVectors}={Off} did not keep this runtime from vectors of {VectorBits} bits.");
    }

    /// <summary>Runs this program again, without the wide vectors, and returns its exit code.</summary>
    public static int RunAgain(IEnumerable<string> arguments)
    {
        string assembly = typeof(Instructions).Assembly.Location;
        bool isProgram = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == Path.GetFileNameWithoutExtension(assembly);
        ProcessStartInfo program = isProgram
            ? new(Environment.ProcessPath!, arguments)
            : new("dotnet", ["exec", assembly, .. arguments]);
        program.Environment[WideVectors] = Off;
        using Process process = Process.Start(program)!;
        process.WaitForExit();
        return process.ExitCode;
    }

    /// <summary>Tells the libraries of a driver. ONNX Runtime cannot be told.</summary>
    public static void Tell(ProcessStartInfo driver, string instructions)
    {
        driver.ArgumentList.Add("--instructions");
        driver.ArgumentList.Add(instructions);
        if (instructions == Avx2)
            (driver.Environment["ONEDNN_MAX_CPU_ISA"], driver.Environment["ATEN_CPU_CAPABILITY"]) = ("AVX2", "avx2");
        else if (HasMoreThanAvx2)
            driver.Environment["ATEN_CPU_CAPABILITY"] = "avx512"; // Where PyTorch does not know the processor it takes AVX2 on its own.
    }
}
