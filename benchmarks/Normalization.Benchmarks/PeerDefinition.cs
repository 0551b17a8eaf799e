using System.Diagnostics;
using System.Security.Cryptography;

namespace Normalization.Benchmarks;

/// <summary>A driver under Peers: how it is started, in which layouts it is asked and how its library is installed.</summary>
internal sealed record PeerDefinition(string Library, string Source, string Install, string[] Layouts)
{
    private const string SystemPython = "/usr/bin/python3";

    /// <summary>All peers, in the order of the table.</summary>
    public static IReadOnlyList<PeerDefinition> All { get; } =
    [
        new("PyTorch", "pytorch_peer.py", "apt-get install python3-torch", ["plain", "channels-last"])
        {
            Year = 2022,
            Reason = "the package of Debian 12, with Debian's compiler and libraries (1.13.1; it names itself 1.13.0a0)",
        },
        new("oneDNN", "onednn_peer.cpp", "apt-get install g++ libdnnl-dev", ["plain", "blocked", "channels-last"])
        {
            Link = ["-ldnnl", "-fopenmp"],
            Year = 2022,
            Reason = "the package of Debian 12; the same library is in PyTorch and other frameworks",
        },
        new("ONNX Runtime", "onnxruntime_peer.mjs", "npm install onnxruntime-node --ignore-scripts", ["plain", "channels-last"])
        {
            Year = 2026,
            Reason = "the newest package of its makers; inference only",
        },
        new("limit", "limit_peer.cpp", "apt-get install g++", ["ordinary", "non-temporal"]) { Link = ["-pthread"] },
    ];

    public string[] Link { get; private init; } = [];

    /// <summary>Gets the year in which the version that the command installs was published; 0 where there is none.</summary>
    public int Year { get; private init; }

    /// <summary>Gets why this version is compared.</summary>
    public string Reason { get; private init; } = "";

    /// <summary>
    /// The program that the driver is built as; null where nothing is built. It lies beside this program: in the folder for temporary
    /// files another user could own its folder, and put a program of his own there.
    /// </summary>
    public string? BuiltProgram => Path.GetExtension(Source) == ".cpp" ? Path.Combine(Folder, $"{Path.GetFileNameWithoutExtension(Source)}-{ContentHash()}") : null;

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Peers");

    /// <summary>The command that starts the driver; a C++ one is built first, once per content of its sources.</summary>
    public ProcessStartInfo Command(int threads, string instructions)
    {
        string path = Path.Combine(Folder, Source);
        ProcessStartInfo command = Path.GetExtension(Source) switch
        {
            // Debian's packages belong to the system's interpreter, which need not be the first one on the path.
            ".py" => new(File.Exists(SystemPython) ? SystemPython : "python3", [path]),
            ".mjs" => new("node", [path]),
            _ => new(Build(path, BuiltProgram!)),
        };
        command.ArgumentList.Add("--threads");
        command.ArgumentList.Add($"{threads}");
        command.Environment["OMP_NUM_THREADS"] = $"{threads}";
        Instructions.Tell(command, instructions);
        if (Library == "PyTorch")
        {
            // Keeps the memory of freed outputs in the process: otherwise each call pays for page faults.
            command.Environment["MALLOC_MMAP_MAX_"] = "0";
            command.Environment["MALLOC_TRIM_THRESHOLD_"] = "17179869184";
            command.Environment["MALLOC_TOP_PAD_"] = "1073741824";
        }

        return command;
    }

    private string ContentHash()
    {
        byte[] content = [.. File.ReadAllBytes(Path.Combine(Folder, Source)), .. File.ReadAllBytes(Path.Combine(Folder, "peer.hpp"))];
        return Convert.ToHexString(SHA256.HashData(content))[..16];
    }

    private string Build(string source, string program)
    {
        if (File.Exists(program))
            return program;
        string unfinished = $"{program}.{Environment.ProcessId}";
        ProcessStartInfo compile = new("g++", ["-std=c++20", "-O3", "-march=native", source, "-o", unfinished, .. Link])
        {
            RedirectStandardError = true,
        };
        using Process compiler = Process.Start(compile)!;
        string errors = compiler.StandardError.ReadToEnd();
        compiler.WaitForExit();
        if (compiler.ExitCode != 0)
            throw new InvalidOperationException($"g++ could not build {Source}: {FirstLine(errors)}");
        File.Move(unfinished, program, overwrite: true);
        return program;
    }

    internal static string FirstLine(string text)
    {
        StringReader lines = new(text);
        while (lines.ReadLine() is { } line)
        {
            if (!string.IsNullOrWhiteSpace(line))
                return line.Trim();
        }

        return "no message";
    }
}
