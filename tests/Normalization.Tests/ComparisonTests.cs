using System.Diagnostics;
using Normalization.Benchmarks;
using Normalization.Benchmarks.Results;

namespace Normalization.Tests;

/// <summary>How the benchmark reads its operations, keeps its timings and shows where this library is behind.</summary>
public sealed class ComparisonTests
{
    private static readonly ComparisonCase s_case = ComparisonCase.Parse("layernorm-forward:1024x768");

    [Theory]
    [InlineData("batchnorm-eval", false, false, false, false)]
    [InlineData("layernorm-backward", false, false, false, false)]
    [InlineData("add-rmsnorm-forward", true, false, false, false)]
    [InlineData("batchnorm-add-relu-forward", false, true, true, false)]
    [InlineData("batchnorm-relu-backward", false, false, true, false)]
    [InlineData("layernorm-modulate-forward", false, false, false, true)]
    public void The_name_of_an_operation_says_what_it_does(string name, bool residual, bool skip, bool relu, bool modulated)
    {
        var operation = Operation.Parse(name);
        (operation.HasResidual, operation.HasSkip, operation.HasRelu, operation.IsModulated).Should().Be((residual, skip, relu, modulated));
        operation.IsBackward.Should().Be(name.EndsWith("backward", StringComparison.Ordinal));
        name.Should().Contain(operation.Norm).And.EndWith(operation.Direction);
    }

    [Fact]
    public void No_case_stands_twice_in_the_comparison() =>
        ComparisonCase.All.Select(static c => (c.Operation, c.Shape)).Should().OnlyHaveUniqueItems();

    [Fact]
    public void The_data_is_normal_and_no_two_rows_are_the_same()
    {
        Tensor<float> data = BenchmarkData.Normal<float>([300, 1024], seed: 1);
        double mean = data.Span.ToArray().Average(static x => (double)x), square = data.Span.ToArray().Average(static x => (double)x * x);
        mean.Should().BeApproximately(0, 0.02);
        square.Should().BeApproximately(1, 0.02);
        Enumerable.Range(0, 300).Select(row => data.Span.Slice(row * 1024, 8).ToArray()).Select(static row => string.Join(' ', row))
            .Should().OnlyHaveUniqueItems();
    }

    [Fact]
    public void A_file_of_timings_is_read_while_it_grows_and_the_later_of_two_timings_counts()
    {
        string path = Path.GetTempFileName();
        try
        {
            using TimingFile file = TimingFile.Append(path);
            file.Write(new MeasuredRun("machine", Instructions.Avx2, 256, 2, 3, 5, new Dictionary<string, string> { ["PyTorch"] = "1.13" }));
            file.Write(s_case, 2, Instructions.Avx2, [new Column()], [TimesOf(1, 2, 3)]);
            file.Write(s_case, 2, Instructions.Avx2, [new Column()], [TimesOf(4, 6, 5)]);
            (MeasuredRun[] runs, Timing[] timings) = TimingFile.Read(path);
            runs.Should().ContainSingle().Which.Libraries["PyTorch"].Should().Be("1.13");
            timings.Should().ContainSingle().Which.Rounds.Should().Equal(4, 6, 5);
            timings[0].Median.Should().Be(5);
            timings[0].Least.Should().Be(2);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void An_interrupted_run_knows_what_it_has_measured()
    {
        string path = Path.GetTempFileName();
        try
        {
            using (TimingFile first = TimingFile.Append(path))
                first.Write(s_case, 2, Instructions.All, [new Column()], [TimesOf(1)]);
            using TimingFile second = TimingFile.Append(path);
            second.Has(s_case, 2, Instructions.All).Should().BeTrue();
            second.Has(s_case, 1, Instructions.All).Should().BeFalse();
            second.Has(s_case, 2, Instructions.Avx2).Should().BeFalse();
            second.Has(s_case with { Shape = "1x768" }, 2, Instructions.All).Should().BeFalse();
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_column_that_fails_in_one_round_has_no_time()
    {
        RoundTimes times = TimesOf(1, 2);
        times.Add(Measurement.Without("it ended"));
        times.Add(new(3, 3));
        times.Unsupported.Should().Be("it ended");
    }

    [Fact]
    public void A_lead_is_the_ratio_of_the_medians_with_the_least_and_the_greatest_of_the_rounds()
    {
        TimedCase item = new([Of(Timing.This, "plain", 10, 20, 10), Of("PyTorch", "plain", 30, 30, 30), Of("oneDNN", "blocked", 15, 10, 12)]);
        item.FastestPeerTiming!.Column.Should().Be("oneDNN, blocked");
        item.Lead.Should().Be(new Ratio(1.2, 0.5, 1.5));
        item.FastestPlainPeer.Should().Be(30);
        $"{item.Lead}".Should().Be("1.20 (0.50 to 1.50)");
    }

    [Fact]
    public void The_page_names_the_shapes_that_are_behind_in_all_rounds_apart_from_those_that_change()
    {
        Timing[] timings =
        [
            Of(Timing.This, "plain", 10, 10, 10), Of("PyTorch", "plain", 8, 9, 8),
            Of(Timing.This, "plain", 10, 10, 10) with { Shape = "1x768" }, Of("PyTorch", "plain", 8, 11, 9) with { Shape = "1x768" },
        ];
        string page = ResultPage.Write([], timings);
        page.Should().Contain("Behind the fastest peer in all rounds: layernorm-forward 1024x768 0.80 (0.80 to 0.90), PyTorch.");
        page.Should().Contain("Behind it in the median, but not in all rounds: layernorm-forward 1x768 0.90 (0.80 to 1.10), PyTorch.");
    }

    [Fact]
    public void The_page_has_a_section_for_each_set_of_instructions_and_says_how_old_the_peers_are()
    {
        Timing[] timings =
        [
            .. from instructions in (string[])[Instructions.Avx2, Instructions.All]
               from threads in (int[])[1, 2]
               from library in (string[])[Timing.This, "PyTorch"]
               select Of(library, "plain", 1.5, 2.5) with { Instructions = instructions, Threads = threads },
        ];
        MeasuredRun run = new("a machine", Instructions.Avx2, 256, 2, 5, 8, new Dictionary<string, string> { ["PyTorch"] = "1.13.1" });
        string page = ResultPage.Write([run], timings);
        page.Split('\n').Where(static line => line.StartsWith("## ", StringComparison.Ordinal)).Should().Equal(
            "## All instructions of the machine, 2 threads", "## All instructions of the machine, 1 thread",
            "## AVX2 for every library that can be told, 2 threads", "## AVX2 for every library that can be told, 1 thread",
            "## Two threads against one");
        page.Should().Contain("| PyTorch 1.13.1 | 2022 |").And.Contain("vectors of 256 bits").And.Contain("ONNX Runtime cannot be told");
    }

    [Fact]
    public void The_picture_has_the_worst_shape_of_each_library_and_says_on_how_many_a_peer_is_faster()
    {
        Timing[] timings =
        [
            Of(Timing.This, "plain", 10), Of("PyTorch", "plain", 8), Of(Timing.Limit, "ordinary", 4),
            Of(Timing.This, "plain", 10) with { Shape = "4096x1024" }, Of("PyTorch", "plain", 40) with { Shape = "4096x1024" },
            Of(Timing.Limit, "ordinary", 9) with { Shape = "4096x1024" },
        ];
        SpeedPicture.Draw(timings, 2).Should().Contain("Normalization: 60 %, on the worst shape 40 %").And.Contain("behind on 1 of 2");
    }

    [Theory]
    [InlineData(Instructions.Avx2, "avx2", "AVX2")]
    [InlineData(Instructions.All, "avx512", null)]
    public void A_driver_tells_its_library_which_instructions_it_may_use(string instructions, string capability, string? isa)
    {
        ProcessStartInfo command = PeerDefinition.All.Single(static peer => peer.Library == "PyTorch").Command(2, instructions);
        command.ArgumentList.Should().ContainInOrder("--threads", "2", "--instructions", instructions);
        if (instructions == Instructions.Avx2 || Instructions.HasMoreThanAvx2)
            command.Environment["ATEN_CPU_CAPABILITY"].Should().Be(capability);
        command.Environment.TryGetValue("ONEDNN_MAX_CPU_ISA", out string? told);
        told.Should().Be(isa);
    }

    private static Timing Of(string library, string layout, params double[] rounds) =>
        new(s_case.Operation, s_case.Shape, 2, Instructions.All, library, layout, rounds, rounds.Min());

    private static RoundTimes TimesOf(params double[] medians)
    {
        RoundTimes times = new();
        foreach (double median in medians)
            times.Add(new(median, median / 2));
        return times;
    }

    private sealed class Column : IComparisonColumn
    {
        public string Library => Timing.This;

        public string Layout => Timing.Plain;

        public Measurement Measure(ComparisonCase item, double milliseconds) => default;

        public void Forget()
        {
        }
    }
}
