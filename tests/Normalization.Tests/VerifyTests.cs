using System.Globalization;
using Normalization.Verify;
using Normalization.Verify.Concurrency;
using Normalization.Verify.Fuzz;
using Normalization.Verify.Memory;
using Normalization.Verify.Numerics;
using Normalization.Verify.Planted;
using Normalization.Verify.Reproducibility;
using Normalization.Verify.State;

namespace Normalization.Tests;

/// <summary>Small versions of the verification program's commands.</summary>
public sealed class VerifyTests
{
    public static TheoryData<int> Sizes => [2, 3, 16, 49, 257, 769];

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Floats_are_within_three_scaled_ulp_on_every_distribution(int size) => RequireAccuracy<float>(size);

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Doubles_are_within_their_limit_on_every_distribution(int size) => RequireAccuracy<double>(size);

    [Fact]
    public void Doubles_are_within_their_limit_at_every_scale() =>
        AccuracyCheck.Measure<double>(AccuracyCheck.ScaleCases(49)).SelectMany(static result => result.Broken).Should().BeEmpty();

    [Fact]
    public void The_accuracy_check_notices_a_wrong_result()
    {
        Measurement broken = new(AccuracyCheck.Cases(false, 3).First(), Precision.Single) { Output = 3.01 };
        broken.Judge();
        broken.Broken.Should().ContainSingle();
    }

    [Fact]
    public void PyTorchs_formulas_lose_the_digits_that_the_table_says_they_lose()
    {
        var @case = new AccuracyCase(Geometry.Batch(1, 1, 4096), Distribution.Named("N(1e4, 1e-2)"), 1e-5, Affine: true);
        Measurement measured = AccuracyMeter.Measure<float>(@case, 1);
        measured.Peer.Should().BeGreaterThan(1e4);
        measured.Output.Should().BeLessThan(3);
    }

    [Theory]
    [InlineData("PreferredVectorBitWidth", "128", 128)]
    [InlineData("EnableAVX2", "0", 128)]
    [InlineData("EnableAVX", "0", 128)]
    public void A_knob_changes_the_width_and_no_bit(string knob, string value, int width)
    {
        (int exitCode, string output) = ChildProcess.Run(["hash", "--tiny"], new Dictionary<string, string> { [knob] = value });
        exitCode.Should().Be(0, output);
        string[] words = output.Split(' ');
        words[0].Should().Be(HashWork.Run(HashSize.Tiny));
        words[2].Should().Be(width.ToString(CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("--width", "256")]
    [InlineData("--degree", "7")]
    public void A_forced_width_or_degree_changes_no_bit(string option, string value)
    {
        (int exitCode, string output) = ChildProcess.Run(["hash", "--tiny", option, value]);
        exitCode.Should().Be(0, output);
        output.Split(' ')[0].Should().Be(HashWork.Run(HashSize.Tiny));
    }

    [Fact]
    public void A_sample_has_the_same_bits_alone_as_in_its_batch() => HashCheck.CompareAloneWithBatch().Should().BeEmpty();

    [Theory]
    [InlineData("--planted-read")]
    [InlineData("--planted-write")]
    public void The_guard_notices_a_planted_fault(string fault)
    {
        Assert.SkipUnless(NativeMemoryMap.IsSupported, "the mmap that the guard needs is Linux's");
        GuardCheck.Plant(fault).Should().NotBe(0);
    }

    [Fact]
    public void A_steady_state_allocates_nothing()
    {
        // Other tests allocate while this one counts, so it counts in a process of its own.
        (int exitCode, string output) = ChildProcess.Run(["alloc", "--n", "100"]);
        exitCode.Should().Be(0, output);
    }

    [Fact]
    public void Threads_on_one_layer_get_the_bits_of_one_thread()
    {
        RaceCheck.Run<float>(Geometry.Layer(7, 33), 200).Differences.Should().Be(0);
        RaceCheck.Run<double>(Geometry.Batch(3, 50, 7), 200).Differences.Should().Be(0);
        RaceCheck.Run<float>(Geometry.Group(4099, 18, 3, 6), 5).Differences.Should().Be(0);
        RaceCheck.Run<float>(Geometry.Batch(2, 3, 12_000), 10).Differences.Should().Be(0);
    }

    /// <summary>One helper for each row of 4 KB costs more than it gives.</summary>
    [Fact]
    public void A_call_wakes_no_more_threads_than_its_work_is_worth()
    {
        (int exitCode, string output) = ChildProcess.Run(["threads"]);
        exitCode.Should().Be(0, output);
    }

    [Fact]
    public void Random_calls_throw_only_what_is_documented_and_change_nothing_when_they_do()
    {
        (int exitCode, string output) = ChildProcess.Run(["fuzz", "--n", "3000", "--seed", "11"]);
        exitCode.Should().Be(0, output);
    }

    [Fact]
    public void Broken_files_are_refused_and_never_half_loaded()
    {
        // All that is systematic, and some random changes.
        (int exitCode, string output) = ChildProcess.Run(["safetensors", "--n", "5000", "--seed", "11"]);
        exitCode.Should().Be(0, output);
    }

    [Fact]
    public void A_killed_save_leaves_the_old_file_or_the_new_one() => CrashSaveCheck.Check(TextWriter.Null, kills: 5, seed: 11).Should().BeTrue();

    [Fact]
    public void The_crash_check_notices_a_save_in_place() =>
        CrashSaveCheck.Check(TextWriter.Null, kills: 1, seed: 11, isPlanted: true).Should().BeFalse();

    [Fact]
    public void The_file_check_notices_a_wrong_judgment()
    {
        // A file that is cut off in the right place is a valid one: the empty one.
        byte[] empty = new StoredFile([(byte)'{', (byte)'}'], []).ToBytes();
        FluentActions.Invoking(() => SafeTensorsCase.Run(empty, mustFail: true)).Should().Throw<FuzzFailure>();
        SafeTensorsCase.Run(empty);
        GoldenFiles.All.Should().HaveCount(20).And.OnlyContain(static file => Judgment.Of(file.ToBytes(), 1 << 20) != null);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("hash --width 100")]
    [InlineData("hash --width")]
    [InlineData("fuzz --n many")]
    [InlineData("accuracy --fast")]
    [InlineData("crash-save --n")]
    public void A_command_that_makes_no_sense_exits_with_2(string command) =>
        Commands.Run(command.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Should().Be(2);

    [Fact]
    public void Every_planted_bug_fits_the_sources_and_names_a_test()
    {
        Dictionary<string, string> sources = PlantedCheck.Sources(PlantedCheck.Root());
        foreach (PlantedBug bug in PlantedBugs.All)
        {
            bug.Plant(sources).Should().NotBeEmpty().And.OnlyContain(changed => changed.Value != sources[changed.Key]);
            string[] test = bug.Test.Split('.');
            typeof(VerifyTests).Assembly.GetType($"Normalization.Tests.{test[0]}")?.GetMethod(test[1]).Should().NotBeNull(bug.Test);
        }
    }

    private static void RequireAccuracy<T>(int size) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        IEnumerable<Measurement> broken = AccuracyCheck.Measure<T>(AccuracyCheck.Cases(false, size)).Where(result => result.Broken.Count > 0);
        broken.Select(result => $"{result.Case}: {string.Join("; ", result.Broken)}").Should().BeEmpty();
    }
}
