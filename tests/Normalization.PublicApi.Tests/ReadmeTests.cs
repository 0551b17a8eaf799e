using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Normalization.PublicApi.Tests;

public sealed partial class ReadmeTests
{
    private const BindingFlags AnyStatic = BindingFlags.Static | BindingFlags.Public;

    private static readonly Dictionary<string, string> SampleTexts =
        ReadSamples("Normalization.PublicApi.Tests/Samples", "Normalization.PublicApi.Tests/OwnLayers");

    // The verification program runs these and prints their errors.
    private static readonly Dictionary<string, string> LoopTexts = ReadSamples("Normalization.Verify/Loops");

    public static TheoryData<string> Samples => [.. SampleTexts.Keys];

    public static TheoryData<string> Loops => [.. LoopTexts.Keys];

    [Theory]
    [MemberData(nameof(Samples))]
    public void A_sample_of_a_page_compiles_and_runs(string sample)
    {
        Blocks("csharp").Should().Contain(SampleTexts[sample], "a page shows the sample {0} as it is compiled", sample);
        Output(sample).Should().NotBeNull();
    }

    [Theory]
    [MemberData(nameof(Loops))]
    public void A_loop_of_the_page_of_loops_is_the_one_that_is_measured(string loop) =>
        Blocks("csharp").Should().Contain(LoopTexts[loop]);

    [Fact]
    public void No_code_of_a_page_is_left_uncompiled() =>
        Blocks("csharp").Should().BeSubsetOf(SampleTexts.Values.Concat(LoopTexts.Values));

    [Fact]
    public void The_training_step_prints_what_the_readme_says() =>
        Blocks("text").Should().Contain(Output("training-step").Trim());

    [Fact]
    public void Every_layer_is_in_the_readme()
    {
        var layers = PublicSurface.Types(typeof(NormalizationPrimitives).Assembly)
            .Where(static type => !type.IsAbstract && IsLayer(type.BaseType))
            .Select(static type => $"`{type.Name.Split('`')[0]}");

        layers.Should().HaveCountGreaterThan(5);
        Repository.Read(Pages.Readme).Should().ContainAll(layers);
    }

    private static bool IsLayer(Type? type) =>
        type is not null && ((type.IsGenericType && type.GetGenericTypeDefinition() == typeof(NormalizationLayer<>)) || IsLayer(type.BaseType));

    private static Dictionary<string, string> ReadSamples(params IEnumerable<string> folders) => folders
        .SelectMany(static folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests", folder), "*.cs"))
        .SelectMany(static path => Marked().Matches(Repository.Read(path)))
        .GroupBy(static match => match.Groups["name"].Value, static match => Unindented(match.Groups["text"].Value))
        .ToDictionary(static sample => sample.Key, static sample => string.Concat(sample).Trim('\n'));

    private static IEnumerable<string> Blocks(string language) =>
        Fenced().Matches(Pages.Text).Where(match => match.Groups["language"].Value == language).Select(static match => match.Groups["text"].Value);

    private static string Output(string sample)
    {
        string type = string.Concat(sample.Split('-').Select(static word => char.ToUpper(word[0], CultureInfo.InvariantCulture) + word[1..]));
        MethodInfo run = typeof(ReadmeTests).Assembly.GetType($"Samples.{type}", throwOnError: true)!.GetMethod("Run", AnyStatic)!;
        TextWriter console = Console.Out;
        using var captured = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        Console.SetOut(captured);
        try
        {
            run.CreateDelegate<Action>()();
        }
        finally
        {
            Console.SetOut(console);
        }
        return captured.ToString();
    }

    private static string Unindented(string text)
    {
        string[] lines = text.Split('\n');
        int indent = lines.Where(static line => line.Trim().Length > 0).Min(static line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length > indent ? line[indent..] : ""));
    }

    [GeneratedRegex(@"^ *// begin-sample (?<name>[\w-]+)\n(?<text>.*?)^ *// end-sample\n", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Marked();

    [GeneratedRegex(@"^```(?<language>\w*)\n(?<text>.*?)\n```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fenced();
}
