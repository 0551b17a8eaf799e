using Normalization.Verify;

namespace Normalization.Tests;

/// <summary>What becomes of a program that can no longer write: its reader has gone, its output is closed, the disk is full.</summary>
public sealed class ProgramOutputTests
{
    private const int OutputFailed = 3;

    public static TheoryData<string, string> Calls => new()
    {
        { "Normalization.Training", "--help" },
        { "Normalization.Training", "distributed --quick --ranks 2" },
        { "Normalization.Benchmarks", "--help" },
        { "Normalization.Verify", "--help" },
    };

    [Theory]
    [MemberData(nameof(Calls))]
    public void A_program_whose_output_is_closed_says_so_and_ends(string program, string arguments) => Fail(">&-", program, arguments);

    [Theory]
    [MemberData(nameof(Calls))]
    public void A_program_that_writes_to_a_full_disk_says_so_and_ends(string program, string arguments) => Fail("> /dev/full", program, arguments);

    [Theory]
    [MemberData(nameof(Calls))]
    public void A_program_that_can_say_nothing_at_all_ends_with_its_exit_code(string program, string arguments)
    {
        (int exitCode, string output) = Run("> /dev/full 2>&1", program, arguments);
        (exitCode, output).Should().Be((OutputFailed, ""));
    }

    [Fact]
    public void A_program_whose_reader_has_gone_ends_as_usual()
    {
        Unix();
        (int exitCode, string output) = ChildProcess.RunOtherUnder(["sh", "-c", "\"$@\" | head -n 1", "sh"], "Normalization.Training.dll", ["--help"]);
        exitCode.Should().Be(0, output);
        output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().ContainSingle();
    }

    private static void Fail(string redirection, string program, string arguments)
    {
        (int exitCode, string output) = Run(redirection, program, arguments);
        exitCode.Should().Be(OutputFailed, output);
        output.Trim().Should().StartWith("error: reading or writing failed").And.NotContain("\n");
    }

    private static (int ExitCode, string Output) Run(string redirection, string program, string arguments)
    {
        Unix();
        using var folder = new TemporaryFolder();
        string[] all = arguments.Contains("--quick", StringComparison.Ordinal) ? [.. arguments.Split(' '), "--output", folder["curves.svg"]] : [arguments];
        return ChildProcess.RunOtherUnder(["sh", "-c", $"\"$@\" {redirection}", "sh"], $"{program}.dll", all);
    }

    private static void Unix() => Assert.SkipUnless(File.Exists("/dev/full"), "The shell and the devices are those of Linux.");
}
