extern alias verify;

using System.Globalization;
using System.Reflection;
using Normalization.Benchmarks;
using Normalization.Benchmarks.Results;
using Normalization.Mpi;
using Normalization.Training.Claims;
using Normalization.Training.Claims.Method;
using Normalization.Training.Commands;
using Normalization.Training.Reports;
using Normalization.Verify;
using Normalization.Verify.Numerics;
using VerifyOptions = verify::Normalization.Programs.Options;

namespace Normalization.Tests;

/// <summary>What the library says and what the programs write is the same text in every culture.</summary>
public sealed class CultureTests
{
    /// <summary>Two cultures as the system knows them, and one that writes every sign in another way.</summary>
    public static TheoryData<string> Cultures => ["de-DE", "tr-TR", "strange"];

    public static TheoryData<string> Assemblies => [.. All.Keys];

    private static Dictionary<string, Assembly> All { get; } =
        new[] { typeof(LayerNorm<>), typeof(MpiCollective), typeof(AllClaims), typeof(PeerDefinition), typeof(Commands) }
            .Select(static type => type.Assembly).ToDictionary(static assembly => assembly.GetName().Name!);

    [Theory]
    [MemberData(nameof(Cultures))]
    public void The_cultures_of_these_tests_write_numbers_in_their_own_way(string name)
    {
        using var culture = new CultureScope(name);
        (-1.5).ToString(CultureInfo.CurrentCulture).Should().NotBe("-1.5");
        if (name == "tr-TR")
            "i".ToUpper(CultureInfo.CurrentCulture).Should().Be("İ", "this is real data, not the invariant culture under another name");
    }

    [Theory]
    [MemberData(nameof(Cultures))]
    public void Messages_are_the_same_in_every_culture(string name) => Same(name, Messages);

    [Theory]
    [MemberData(nameof(Cultures))]
    public void Tables_pictures_and_pages_are_the_same_in_every_culture(string name) => Same(name, Reports);

    [Theory]
    [MemberData(nameof(Cultures))]
    public void Numbers_are_read_alike_in_every_culture(string name) => Same(name, Readings);

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void No_assembly_calls_what_depends_on_the_culture_of_the_thread(string assembly) =>
        CultureSensitive.UsedBy(All[assembly]).Should().BeEmpty();

    [Fact]
    public void Calls_that_depend_on_the_culture_are_told_from_those_that_do_not()
    {
        CultureSensitive.Is(typeof(double).GetMethod(nameof(ToString), [])!).Should().BeTrue();
        CultureSensitive.Is(typeof(double).GetMethod(nameof(ToString), [typeof(IFormatProvider)])!).Should().BeFalse();
        CultureSensitive.Is(typeof(string).GetMethod(nameof(string.ToUpper), [])!).Should().BeTrue();
        CultureSensitive.Is(typeof(string).GetMethod(nameof(string.ToUpperInvariant), [])!).Should().BeFalse();
        CultureSensitive.Is(typeof(string).GetMethod(nameof(string.StartsWith), [typeof(string)])!).Should().BeTrue();
        CultureSensitive.Is(typeof(string).GetMethod(nameof(string.StartsWith), [typeof(char)])!).Should().BeFalse();
        CultureSensitive.Is(typeof(ArgumentOutOfRangeException).GetMethod(nameof(ArgumentOutOfRangeException.ThrowIfNegative))!.MakeGenericMethod(typeof(int))).Should().BeTrue();
        CultureSensitive.Is(typeof(Console).GetMethod(nameof(Console.WriteLine), [typeof(double)])!).Should().BeTrue();
        CultureSensitive.Is(typeof(Console).GetMethod(nameof(Console.WriteLine), [typeof(string)])!).Should().BeFalse();
        CultureSensitive.UsedBy(typeof(Assert).Assembly).Should().NotBeEmpty();
    }

    private static IEnumerable<string> Messages()
    {
        yield return MessageOf(static () => new BatchNorm2d<float>(-3));
        yield return MessageOf(static () => new BatchNorm2d<float>(3, epsilon: -0.5));
        yield return MessageOf(static () => new BatchNorm2d<float>(3, momentum: 1.5));
        yield return MessageOf(static () => new GroupNorm<float>(-2, 3));
        yield return MessageOf(static () => new BatchNorm1d<float>(2) { BatchesTracked = -7 });
        yield return MessageOf(static () => new Tensor<float>(-3, -4));
        yield return MessageOf(static () => new Tensor<float>(2)[-1]);
        yield return MessageOf(static () => new Tensor<float>(2).Reshape(-3, -1));
        yield return MessageOf(static () => Tensor<float>.RandomNormal([2], 1, 0, -1.5));
        yield return MessageOf(static () => new ForwardContext<float>().GetMean(-1));
        yield return MessageOf(static () => SafeTensorsFile.Parse(default, -1));
        yield return MessageOf(static () => SafeTensorsFile.Parse(default, int.MaxValue));
        yield return MessageOf(static () => NormalizationParallelism.MaxDegree = -1);
        StateDictionary state = new BatchNorm1d<double>(1).GetState();
        StateDictionary wrong = [];
        foreach ((string key, StateValue value) in state)
            wrong.Add(key, key == "num_batches_tracked" ? -7 : key == "running_var" ? new Tensor<double>([-1.5], 1) : value);
        yield return new BatchNorm1d<double>(1).LoadState(wrong, strict: false).ToString();
        yield return new Tensor<double>([-1.5, double.NaN, double.NegativeInfinity, 1e-20], 4).ToString();
        yield return new Tensor<float>(1_000_000).ToString();
        yield return MessageOf(static () => throw new InvalidOperationException($"{-1.5} {double.NaN} {-7} {1_234_567.5:N1} {0.25:P1}"));
    }

    private static IEnumerable<string> Reports()
    {
        yield return $"{new AccuracyCase(Geometry.Batch(1, 1, 4), Distribution.Named("N(1e4, 1e-2)"), 1e-5, Affine: true)}";
        yield return new Estimate(-0.1234, 0.05, 5).Format(Unit.Percent);
        yield return $"{Criterion.AtLeast(1.5, Unit.Times, "something")}";
        Series series = new("name", "#000", [new(-0.5, -1.25, 0.25), new(1.5, 2.75, 0.5)]);
        Panel panel = new("title", Axis.Linear(-0.5, 1.5, "x"), Axis.Logarithmic(1e-5, 2.5), [series]) { Goal = 0.9 };
        yield return SvgChart.Draw("title", [panel, new("percent", Axis.Linear(-1, 1), Axis.Percent(-0.05, 0.05), [series])]);
        Finding finding = Criterion.AtLeast(1.5, Unit.Times, "something").Judge(new Estimate(1.75, 0.125, 5));
        Outcome outcome = new("key", "seen", [finding]) { Charts = [panel], Tables = [new("grid", ["a", "b"], [["c", $"{-1.5:F1}"]])] };
        yield return ClaimReport.Create([new ClaimResult(AllClaims.List[0].Name, "data", 5, Verdict.Reproduced, outcome)], repository: null);
        Timing[] timings =
        [
            .. from library in (string[])[Timing.This, "PyTorch", Timing.Limit]
               from threads in (int[])[1, 2]
               select new Timing("layernorm-forward", "1024x768", threads, "all", library, "plain", [library.Length + 0.25, 7.5], 0.75),
        ];
        yield return ResultPage.Write([new("machine", "all", 512, 2, 5, 7.5, new Dictionary<string, string>())], timings);
        yield return SpeedPicture.Draw(timings, 2);
    }

    private static IEnumerable<string> Readings()
    {
        yield return $"{ComparisonCase.Parse("layernorm-forward:-1x2")}";
        yield return $"{new TimedCase([new Timing("layernorm-forward", "-1x768", 1, "all", Timing.This, "plain", [1.5], 0.75)]).Bytes}";
        yield return MessageOf(static () => Number(new(["--name=-7"])));
        yield return $"{new VerifyOptions(["--n", "7"]).Number("--n")}";
        using SafeTensorsFile file = SafeTensorsFile.Parse(StateBytes.Of(new() { { "i", -7 }, { "I", new Tensor<float>([-1.5f], 1) } }));
        yield return $"{file.State["i"].ToInt64()} {file.State["I"].ToTensor<float>()}";
    }

    private static object Number(ArgumentReader reader) => reader.Next() ? reader.Number(least: -7, most: 10) : "";

    private static void Same(string culture, Func<IEnumerable<string>> texts)
    {
        string[] expected;
        using (new CultureScope(""))
            expected = [.. texts()];
        using (new CultureScope(culture))
        {
            string[] seen = [.. texts()];
            seen.Should().HaveSameCount(expected);
            for (int i = 0; i < seen.Length; i++)
                seen[i].Should().Be(expected[i]);
        }
    }

    private static string MessageOf(Func<object> call)
    {
        try
        {
            return $"{call()}";
        }
        catch (Exception exception)
        {
            return $"{exception.GetType().Name}: {exception.Message}";
        }
    }

    /// <summary>The culture of this thread until the end of a test; the test is skipped where the system has no data of it.</summary>
    private sealed class CultureScope : IDisposable
    {
        private readonly CultureInfo _before = CultureInfo.CurrentCulture;

        public CultureScope(string name)
        {
            CultureInfo.CurrentCulture = name == "strange" ? Strange() : Known(name);
        }

        public void Dispose() => CultureInfo.CurrentCulture = _before;

        private static CultureInfo Known(string name)
        {
            try
            {
                return CultureInfo.GetCultureInfo(name);
            }
            catch (CultureNotFoundException)
            {
                Assert.Skip("Without ICU there is no culture but the invariant one.");
                throw;
            }
        }

        private static CultureInfo Strange()
        {
            var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            culture.NumberFormat = new()
            {
                NegativeSign = "~",
                NumberDecimalSeparator = "_",
                NumberGroupSeparator = "'",
                PercentDecimalSeparator = "_",
                PercentSymbol = "pc",
                PercentPositivePattern = 2,
                NaNSymbol = "nothing",
                PositiveInfinitySymbol = "much",
                NegativeInfinitySymbol = "little",
            };
            return culture;
        }
    }
}
