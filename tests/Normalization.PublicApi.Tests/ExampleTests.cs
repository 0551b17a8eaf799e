using System.Reflection;
using System.Xml.Linq;
using Normalization.MathNet;
using Normalization.Mpi;

namespace Normalization.PublicApi.Tests;

/// <summary>The examples in the documentation files are compiled and run, and whoever looks for one finds it.</summary>
[Collection("Samples write to the console")]
public sealed class ExampleTests
{
    private static readonly Dictionary<string, string> Compiled = SampleCode.Read("Normalization.PublicApi.Tests/Examples");

    private static readonly Type[] WithExample =
    [
        typeof(BatchNormFolding),
        typeof(ForwardContext<>),
        typeof(ICollective),
        typeof(LayerDictionary<>),
        typeof(MatrixConversions),
        typeof(MatrixLayer<>),
        typeof(MpiCollective),
        typeof(NormalizationLayer<>),
        typeof(NormalizationParallelism),
        typeof(NormalizationPlan),
        typeof(OnnxModel),
        typeof(Parameter<>),
        typeof(SafeTensorsFile),
        typeof(StateDictionary),
        typeof(StateExtensions),
        typeof(StateMapping),
        typeof(Tensor<>),
    ];

    // The names of the documentation files, with what stands in their examples.
    private static readonly Dictionary<string, string[]> Shown = PublicSurface.Libraries
        .SelectMany(static library => XDocument.Load(Path.ChangeExtension(library.Location, ".xml")).Descendants("member"))
        .ToDictionary(static member => member.Attribute("name")!.Value, static member => Codes(member).ToArray());

    public static TheoryData<string> Names => [.. Compiled.Keys];

    public static TheoryData<string> Layers =>
    [
        .. PublicSurface.Types(typeof(NormalizationPrimitives).Assembly)
            .Where(static type => !type.IsAbstract && ReadmeTests.IsLayer(type.BaseType)).Select(static type => type.FullName!),
    ];

    public static TheoryData<string> Others => [.. WithExample.Select(static type => type.FullName!)];

    public static TheoryData<string> Families =>
    [
        .. typeof(NormalizationPrimitives).GetMethods(BindingFlags.Static | BindingFlags.Public)
            .Select(static method => method.Name[..(method.Name.IndexOf("Norm", StringComparison.Ordinal) + 4)]).Distinct(),
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public void An_example_compiles_and_runs(string example)
    {
        Shown.Values.SelectMany(static codes => codes).Should().Contain(Compiled[example], "the documentation shows {0} as it is compiled", example);
        MethodInfo run = typeof(ExampleTests).Assembly.GetTypes().Where(static type => type is { Namespace: "Examples", IsNested: false })
            .Select(type => type.GetMethod(SampleCode.PascalCase(example), BindingFlags.Static | BindingFlags.Public))
            .OfType<MethodInfo>().Single();
        run.CreateDelegate<Action>()();
    }

    [Fact]
    public void No_example_is_left_uncompiled() => Shown.Values.SelectMany(static codes => codes).Should().BeSubsetOf(Compiled.Values);

    [Theory]
    [MemberData(nameof(Layers))]
    [MemberData(nameof(Others))]
    public void A_type_that_people_begin_with_has_an_example(string type) => Shown[$"T:{type}"].Should().NotBeEmpty();

    [Theory]
    [MemberData(nameof(Families))]
    public void A_family_of_primitives_has_an_example(string family) => Shown
        .Where(member => member.Key.StartsWith($"M:{typeof(NormalizationPrimitives).FullName}.{family}", StringComparison.Ordinal))
        .SelectMany(static member => member.Value).Should().NotBeEmpty();

    private static IEnumerable<string> Codes(XElement member) => member.Elements("example").Elements("code")
        .Select(static code => SampleCode.Unindented(Repository.Normalize(code.Value).Trim('\n').TrimEnd()));
}
