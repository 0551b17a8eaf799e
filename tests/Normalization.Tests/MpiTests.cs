using System.Diagnostics;
using System.IO.Enumeration;
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

    private const string Differ = "CollectiveException: The ranks do not fit together (ranks 0, 1: ";
    private const string Refused = "CollectiveException: *rank 2: arguments refused", Left = "CollectiveException: Rank 2 of 3 has left the collective";
    private const string Narrow = "forward through a BatchNorm of 6 channels of float";

    private static readonly Dictionary<string, string> _noVariables = [];

    // What the last of three ranks does differently, and what is said of it on the others and on itself.
    private static readonly (string Fault, string Others, string Own)[] _mistakes =
    [
        ("channels", $"{Differ}a BatchNorm of 6 channels of float with*rank 2: a BatchNorm of 7", $"{Differ}*rank 2: a BatchNorm of 7"),
        ("shape", Refused, "ArgumentException: expected input [N, 6] or [N, 6, L], got [4, 7]"),
        ("null", Refused, "ArgumentNullException: "),
        ("order", $"{Differ}*rank 2: AllGather of 151 values*This rank was at: {Narrow}", $"{Differ}*forward through a BatchNorm of 48 channels"),
        ("twins", $"{Differ}{Narrow} (layer *; rank 2: {Narrow} (layer ", Differ),
        ("direction", $"{Differ}AllGather of 25 values; rank 2: AllGather of 19 values*forward", $"{Differ}*backward"),
        ("length", $"{Differ}AllReduce of 3 values; rank 2: AllReduce of 2000 values", Differ),
        ("gather", Refused, "ArgumentException: gathered must have"),
        ("group", Refused, "ArgumentOutOfRangeException: "),
        ("call", $"{Differ}AllGather of 1 values; rank 2: AllReduce of 1 values", Differ),
        ("split", $"{Differ}Split; rank 2: AllReduce of 1 values", Differ),
        ("leave", Left, "ObjectDisposedException: "),
    ];

    public static TheoryData<string> Kinds => ["Open MPI", "MPICH"];

    public static TheoryData<string, string> Faults => new(
        from kind in (string[])["Open MPI", "MPICH"]
        from fault in (string[])["exit", "death"]
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
    public void A_mistake_of_one_rank_is_an_error_on_every_rank_and_the_ranks_go_on(string kind)
    {
        string[][] reports = Reports(kind, string.Join(',', _mistakes.Select(static mistake => mistake.Fault)), Patience);
        for (int rank = 0; rank < Ranks; rank++)
        {
            foreach ((string fault, string others, string own) in _mistakes)
            {
                string expected = $"{fault}, rank {rank}: {(rank < Ranks - 1 ? others : own)}*";
                reports[rank].Should().Contain(line => FileSystemName.MatchesSimpleExpression(expected, line, false), "{0} was expected", expected);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_rank_that_ends_in_order_before_the_others_does_not_leave_them_waiting(string kind)
    {
        string[][] reports = Reports(kind, "end", FaultPatience);

        // The error of one rank makes it leave too, so that the next one may hear of it first.
        for (int rank = 0; rank < Ranks - 1; rank++)
            reports[rank].Should().ContainSingle().Which.Should().Match($"end, rank {rank}: CollectiveException: Rank * of 3 has left the collective*");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Groups_have_the_right_sums_and_exchanges_allocate_nothing(string kind)
    {
        (int exitCode, string output) = Run(kind, ["synchronize", "--groups", "30"], Patience);
        exitCode.Should().Be(0, output);
        for (int rank = 0; rank < Ranks; rank++)
            output.Should().Contain($"rank {rank}: 30 groups, all sums right; an exchange allocates 0 bytes");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Groups_that_are_disposed_make_room_for_others(string kind)
    {
        // MPICH has room for some 2,000 groups at a time.
        (int exitCode, string output) = Run(kind, ["synchronize", "--groups", "2500"], Patience, ranks: 1);
        exitCode.Should().Be(0, output);
        output.Should().Contain("2500 groups, all sums right");
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_rank_that_dies_or_fails_ends_the_others(string kind, string fault)
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
        string kind, string[] arguments, int timeoutSeconds, IReadOnlyDictionary<string, string>? variables = null, int ranks = Ranks) =>
        ChildProcess.RunUnder([.. Launcher(kind), "-n", $"{ranks}"], arguments, variables ?? _noVariables, timeoutSeconds);

    /// <summary>What each rank says of the faults, in a file of its own: launchers mix the outputs of ranks within a line.</summary>
    private static string[][] Reports(string kind, string faults, int timeoutSeconds)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("normalization-ranks-");
        try
        {
            (int exitCode, string output) = Run(kind, ["synchronize", "--fault", faults, "--output", folder.FullName], timeoutSeconds);
            exitCode.Should().Be(0, output);
            return [.. Enumerable.Range(0, Ranks).Select(rank => File.ReadAllLines(Path.Combine(folder.FullName, $"rank-{rank}.txt")))];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

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
