using Normalization.PublicApi.Tests;
using Normalization.Training;
using Normalization.Training.Commands;
using Normalization.Training.Reports;

namespace Normalization.Tests.Training;

public sealed class ProgramTests
{
    [Theory]
    [InlineData("clams", "did you mean claims?")]
    [InlineData("--sede", "did you mean --seed?")]
    [InlineData("--out", "unknown argument")]
    [InlineData("xyzzy", "unknown argument 'xyzzy'; --help")]
    public void A_word_that_is_nearly_right_is_answered_with_the_right_one(string word, string answer) =>
        FluentActions.Invoking(() => TrainingCommands.Run([word], default)).Should().Throw<UsageException>().WithMessage($"*{answer}*");

    [Fact]
    public void A_claim_that_is_nearly_right_is_answered_with_the_right_one() =>
        FluentActions.Invoking(static () => ClaimsOptions.Parse(["sequence"])).Should().Throw<UsageException>()
            .WithMessage("*did you mean sequences?*");

    [Fact]
    public void An_option_means_the_same_in_every_command()
    {
        string[] arguments = ["--output", "x", "--seed=3", "--data", "digits=y", "--quick"];
        CommonOptions compare = CommonOptions.Parse(arguments, [], static _ => false);
        ClaimsOptions.Parse(arguments).Common.Should().Be(compare);
        DistributedOptions.Parse([.. arguments, "--ranks", "2"]).Common.Should().Be(compare);
        (compare.Output, compare.Seed, compare.Data, compare.Quick).Should().Be(("x", 3, "digits=y", true));
        foreach (string help in new[] { CompareCommand.HelpText, ClaimsOptions.HelpText, DistributedOptions.HelpText })
            help.Should().Contain(CommonOptions.HelpText);
    }

    [Fact]
    public void A_quick_run_writes_beside_the_full_one()
    {
        CommonOptions full = CommonOptions.Parse(["--output", "x"], [], static _ => false);
        CommonOptions quick = CommonOptions.Parse(["--output", "x", "--quick"], [], static _ => false);
        full.Folder.Should().Be("x");
        quick.Folder.Should().Be(Path.Combine("x", "quick"));
    }

    [Fact]
    public void The_help_names_the_commands_before_the_options()
    {
        string help = CompareCommand.HelpText;
        foreach (string command in TrainingCommands.Names)
        {
            help.IndexOf($"  {command} ", StringComparison.Ordinal).Should().BePositive()
                .And.BeLessThan(help.IndexOf("Options", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_long_work_says_at_least_every_ten_seconds_how_far_it_is()
    {
        var time = new ManualTime();
        var lines = new List<string>();
        using (new Heartbeat(lines.Add, static () => "half", time))
        {
            time.Period.Should().BeLessThanOrEqualTo(TimeSpan.FromSeconds(10));
            time.Tick();
            time.Tick();
        }

        lines.Should().Equal("half", "half");
        time.IsDisposed.Should().BeTrue();
    }

    [Fact]
    public void What_the_repository_shows_of_the_claims_is_what_the_results_say() =>
        new PublishedReport(Repository.Root).Outdated().Should().BeEmpty("the command 'report' writes these files");

    [Fact]
    public void A_figure_typed_by_hand_is_noticed()
    {
        string root = Directory.CreateTempSubdirectory("report").FullName;
        try
        {
            string results = Path.Combine(root, "benchmarks", "Normalization.Training", "Results");
            Directory.CreateDirectory(results);
            File.WriteAllText(Path.Combine(root, "Normalization.sln"), "");
            string page = Path.Combine(root, ".github", "docs", "claims.md");
            Directory.CreateDirectory(Path.GetDirectoryName(page)!);
            File.WriteAllText(page,
                "before\n<!-- claims: written by the command 'report' -->\n<!-- end of claims -->\nafter\n");
            var report = new PublishedReport(root);
            report.Outdated().Should().HaveCount(2);
            foreach ((string path, string content) in report.Files())
                File.WriteAllText(path, content);

            report.Outdated().Should().BeEmpty();
            File.WriteAllText(page, File.ReadAllText(page).Replace("| verdict |", "| Verdict |", StringComparison.Ordinal));
            report.Outdated().Should().Equal(Path.Combine(".github", "docs", "claims.md"));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private sealed class ManualTime : TimeProvider, ITimer
    {
        private TimerCallback? _callback;

        public TimeSpan Period { get; private set; }

        public bool IsDisposed { get; private set; }

        public void Tick() => _callback!(null);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            (_callback, Period) = (callback, period);
            return this;
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

        public void Dispose() => IsDisposed = true;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
