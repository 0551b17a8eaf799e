using System.Diagnostics;
using System.Text.RegularExpressions;
using Normalization.Mpi;
using Normalization.Verify;

namespace Normalization.Tests;

/// <summary>Real processes under the launchers of the installed MPIs; skipped, with the reason, where there is none.</summary>
public sealed partial class MpiTests
{
    private const int Ranks = 3;

    // What an MPI that works needs for seconds; the promise for faults is half a minute.
    private const int Patience = 300, FaultPatience = 30;

    private static readonly Dictionary<string, string> _noVariables = [];

    public static TheoryData<string> Kinds => ["Open MPI", "MPICH"];

    public static TheoryData<string, string> Faults => new(
        from kind in (string[])["Open MPI", "MPICH"]
        from fault in (string[])["order", "exit", "death"]
        select (kind, fault));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Processes_get_the_bits_that_threads_get(string kind)
    {
        (int threadsExit, string threads) = ChildProcess.Run(["synchronize", "--n", "30", "--ranks", $"{Ranks}"]);
        threadsExit.Should().Be(0, threads);
        (int exitCode, string output) = Run(kind, ["synchronize", "--n", "30"], Patience);
        exitCode.Should().Be(0, output);
        output.Should().Contain($"{Ranks} processes on {kind}");
        Hash().Match(output).Value.Should().NotBeEmpty().And.Be(Hash().Match(threads).Value);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Different_channels_are_an_error_on_every_rank_and_the_ranks_go_on(string kind)
    {
        (int exitCode, string output) = Run(kind, ["synchronize", "--fault", "channels"], Patience);
        exitCode.Should().Be(0, output);
        for (int rank = 0; rank < Ranks; rank++)
            output.Should().Contain($"rank {rank} of {Ranks}: CollectiveException: The ranks do not fit together (ranks 0, 1: a BatchNorm of 6 channels of float");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Refused_arguments_are_an_error_on_every_rank_and_the_ranks_go_on(string kind)
    {
        (int exitCode, string output) = Run(kind, ["synchronize", "--fault", "shape"], Patience);
        exitCode.Should().Be(0, output);
        output.Should().Contain($"rank 0 of {Ranks}: CollectiveException").And.Contain($"rank 1 of {Ranks}: CollectiveException");
        output.Should().Contain($"rank 2 of {Ranks}: ArgumentException: expected input [N, 6] or [N, 6, L], got [4, 7]");
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_rank_that_dies_fails_or_falls_out_of_step_ends_the_others(string kind, string fault)
    {
        (int exitCode, string output) = Run(kind, ["synchronize", "--fault", fault], FaultPatience);
        exitCode.Should().NotBe(0, output).And.NotBe(ChildProcess.NoAnswer, output);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_exceptions_that_the_runtime_makes_of_signals_survive(string kind)
    {
        (int exitCode, string output) = Run(kind, ["synchronize", "--fault", "signals"], Patience);
        exitCode.Should().Be(0, output);
        output.Should().Contain($"{2 * Ranks} exceptions caught");
    }

    [Theory]
    [InlineData("libm.so.6", "no MPI_Get_library_version")]
    [InlineData("libno-such-mpi.so", "'apt-get install openmpi-bin' or 'apt-get install mpich'")]
    public void A_library_that_is_missing_or_no_MPI_is_an_error_that_says_what_to_do(string library, string expected)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the library is Linux's");
        var variables = new Dictionary<string, string> { ["NORMALIZATION_MPI_LIBRARY"] = library };
        (int exitCode, string output) = ChildProcess.RunUnder(["env"], ["synchronize", "--fault", "channels"], variables, Patience);
        exitCode.Should().NotBe(0);
        output.Should().Contain("DllNotFoundException").And.Contain(expected).And.Contain("NORMALIZATION_MPI_LIBRARY");
    }

    [Fact]
    public void The_launcher_of_another_MPI_is_an_error_that_says_so()
    {
        Launcher("MPICH").Should().NotBeEmpty();
        var variables = new Dictionary<string, string> { ["NORMALIZATION_MPI_LIBRARY"] = "libmpich.so.12" };
        (int exitCode, string output) = Run("Open MPI", ["synchronize", "--fault", "channels"], Patience, variables);
        exitCode.Should().NotBe(0);
        output.Should().Contain($"The launcher has started {Ranks} processes, but MPICH").And.Contain("sees one");
    }

    [Fact]
    public void Nothing_of_MPI_is_loaded_to_find_out_who_started_the_process() => MpiCollective.IsLaunched.Should().BeFalse();

    private static (int ExitCode, string Output) Run(
        string kind, string[] arguments, int timeoutSeconds, IReadOnlyDictionary<string, string>? variables = null) =>
        ChildProcess.RunUnder([.. Launcher(kind), "-n", $"{Ranks}"], arguments, variables ?? _noVariables, timeoutSeconds);

    /// <summary>The launcher of one MPI, which may be installed beside another one, under its own name or as mpirun.</summary>
    private static string[] Launcher(string kind)
    {
        (string package, string mark, string[] names, string[] options) = kind == "Open MPI"
            ? ("openmpi-bin", "Open MPI", (string[])["mpirun.openmpi", "mpirun"], (string[])["--allow-run-as-root", "--oversubscribe"])
            : ("mpich", "HYDRA", ["mpiexec.mpich", "mpiexec.hydra", "mpiexec"], []);
        string? name = names.FirstOrDefault(name => Version(name).Contains(mark, StringComparison.Ordinal));
        Assert.SkipWhen(name is null, $"{kind} is not installed: apt-get install {package}");
        return [name!, .. options];
    }

    private static string Version(string program)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, "--version") { RedirectStandardOutput = true, RedirectStandardError = true })!;
            string text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return text;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "";
        }
    }

    [GeneratedRegex("hash [0-9a-f]+")]
    private static partial Regex Hash();
}
