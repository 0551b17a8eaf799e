using Normalization.Benchmarks;
using Normalization.PublicApi.Tests;
using Normalization.Verify;
using Normalization.Verify.Loops;

namespace Normalization.Tests;

/// <summary>How the benchmark and the verification program are called, and what the page of loops shows.</summary>
[Collection(nameof(ProcessWide))]
public sealed class CommandTests
{
    [Theory]
    [InlineData("benchmarks", "peer", "did you mean peers?")]
    [InlineData("benchmarks", "results --outptu x", "did you mean --output?")]
    [InlineData("benchmarks", "heap tensr", "did you mean tensor?")]
    [InlineData("benchmarks", "results --json x", "unknown option --json")]
    [InlineData("benchmarks", "pictures --output no-such-folder", "there is no folder 'no-such-folder'")]
    [InlineData("benchmarks", "peers --rounds none", "expected a positive number")]
    [InlineData("benchmarks", "peers --case bad", "--case: Expected")]
    [InlineData("benchmarks", "peers --instructions sse", "expected all or avx2")]
    [InlineData("benchmarks", "results --filter nothing", "no case has 'nothing' in its name")]
    [InlineData("benchmarks", "smoke now", "unexpected argument 'now'")]
    [InlineData("verify", "acuracy", "did you mean accuracy?")]
    [InlineData("verify", "fuzz --sede 1", "did you mean --seed?")]
    [InlineData("verify", "xyzzy", "unknown command 'xyzzy'; --help")]
    [InlineData("verify", "", "a command is missing; --help")]
    public void A_command_that_is_nearly_right_is_answered_with_the_right_one(string program, string command, string answer)
    {
        (int exitCode, string output) = Run(program, command);
        exitCode.Should().Be(2);
        output.Should().Contain(answer).And.EndWith("--help explains\n").And.StartWith("error: ");
    }

    [Theory]
    [InlineData("benchmarks", "peers results smoke synchronize heap pictures layers")]
    [InlineData("verify", "accuracy functions loops hash guard alloc race threads misuse fuzz safetensors crash-save synchronize huge planted all")]
    public void The_help_names_the_commands_before_the_options(string program, string commands)
    {
        (int exitCode, string help) = Run(program, "--help");
        exitCode.Should().Be(0);
        string[] lines = help.Split('\n');
        int options = Array.FindIndex(lines, static line => line.StartsWith("Options", StringComparison.Ordinal));
        string[] named =
        [
            .. lines[..options].Where(static line => line.StartsWith("  ", StringComparison.Ordinal) && line[2] != ' ')
                .Select(static line => line.Split(' ')[2]),
        ];
        named.Should().Equal(commands.Split(' '));
    }

    [Theory]
    [InlineData("benchmarks", "heap")]
    [InlineData("verify", "fuzz")]
    public void The_help_of_a_command_says_what_may_follow_it(string program, string command)
    {
        (int exitCode, string help) = Run(program, $"{command} --help");
        exitCode.Should().Be(0);
        help.Should().StartWith($"  {command} ").And.Contain("--n");
    }

    [Fact]
    public void A_value_may_follow_an_equals_sign() => Run("verify", "alloc --n=many").Output.Should().Contain("--n needs a number");

    [Fact]
    public void The_page_of_loops_shows_the_errors_that_the_command_prints()
    {
        using var output = new StringWriter { NewLine = "\n" };
        LoopCheck.Run(output).Should().BeTrue("the calls keep what they promise");
        foreach (string table in output.ToString().Split("\n\n"))
            Repository.Read(".github", "docs", "replace-your-own-loop.md").Should().Contain(table.Trim('\n'));
    }

    [Fact]
    public void The_loops_that_people_write_are_right_on_easy_data_and_the_calls_on_all()
    {
        float[] easy = [.. Enumerable.Range(0, 64).Select(static i => i % 8f)], constant = [.. Enumerable.Repeat(1234.1f, 65_536)];
        LoopCheck.ForwardErrors(easy)[..3].Should().OnlyContain(static error => error < 10);
        double[] errors = LoopCheck.ForwardErrors(constant);
        errors[0].Should().BeGreaterThan(1e5, "the float sum of a large constant is wrong");
        errors[^1].Should().Be(0);
    }

    private static (int ExitCode, string Output) Run(string program, string command)
    {
        string[] arguments = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        (TextWriter console, TextWriter errors) = (Console.Out, Console.Error);
        using var written = new StringWriter { NewLine = "\n" };
        Console.SetOut(written);
        Console.SetError(written);
        try
        {
            int exitCode = program == "verify" ? Commands.Run(arguments) : BenchmarkCommands.Program.Run(arguments);
            return (exitCode, written.ToString());
        }
        finally
        {
            Console.SetOut(console);
            Console.SetError(errors);
        }
    }
}
