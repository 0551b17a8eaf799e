using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Normalization.PublicApi.Tests;

[Collection("Samples write to the console")]
public sealed partial class ReadmeTests
{
    private const BindingFlags AnyStatic = BindingFlags.Static | BindingFlags.Public;

    private static readonly Dictionary<string, string> SampleTexts =
        SampleCode.Read("Normalization.PublicApi.Tests/Samples", "Normalization.PublicApi.Tests/OwnLayers");

    // The verification program runs these and prints their errors.
    private static readonly Dictionary<string, string> LoopTexts = SampleCode.Read("Normalization.Verify/Loops");

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

    internal static bool IsLayer(Type? type) =>
        type is not null && ((type.IsGenericType && type.GetGenericTypeDefinition() == typeof(NormalizationLayer<>)) || IsLayer(type.BaseType));

    private static IEnumerable<string> Blocks(string language) =>
        Fenced().Matches(Pages.Text).Where(match => match.Groups["language"].Value == language).Select(static match => match.Groups["text"].Value);

    private static string Output(string sample)
    {
        MethodInfo run = typeof(ReadmeTests).Assembly.GetType($"Samples.{SampleCode.PascalCase(sample)}", throwOnError: true)!
            .GetMethod("Run", AnyStatic)!;
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

    [GeneratedRegex(@"^```(?<language>\w*)\n(?<text>.*?)\n```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fenced();
}
