using System.Text.RegularExpressions;
using Normalization.PublicApi.Tests;

namespace Normalization.Tests;

/// <summary>The arrows of the house go one way: a folder names types of those folders only that stand beside it here.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly string _sources = Path.Combine(Repository.Root, "src", "Normalization");

    private static readonly (string Folder, string[] MayUse)[] _arrows =
    [
        ("Kernels/Machine", []),
        ("Kernels/Simd", []),
        ("Kernels/Plans", ["Kernels/Machine"]),
        ("Kernels/Statistics", ["Kernels/Plans", "Kernels/Simd"]),
        ("Kernels/Loops", ["Kernels/Statistics", "Kernels/Plans", "Kernels/Simd", "Kernels/Machine"]),
        ("Kernels/Families", ["Kernels/Loops", "Kernels/Statistics", "Kernels/Plans", "Kernels/Simd", "Kernels/Machine"]),
        ("Kernels", ["Kernels/Families", "Kernels/Loops", "Kernels/Statistics", "Kernels/Plans", "Kernels/Simd", "Kernels/Machine"]),
        ("Tensors", ["Kernels/Machine", "."]),
        ("Primitives", ["Kernels", "Kernels/Statistics", "Kernels/Plans", "Kernels/Simd", "Kernels/Machine", "."]),
        ("Collectives", ["."]),
        ("Layers", ["Primitives", "Kernels", "Kernels/Statistics", "Kernels/Plans", "Kernels/Simd", "Kernels/Machine", "Tensors", "Collectives", "."]),
        ("State", ["Layers", "Tensors", "Collectives", "."]),
        ("Onnx", ["State", "Layers", "Tensors", "."]),
        (".", ["Kernels/Machine", "Kernels/Plans"]),
    ];

    public static TheoryData<string> Folders => [.. _arrows.Select(static arrow => arrow.Folder)];

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_names_only_types_that_its_arrows_lead_to(string folder)
    {
        string[] allowed = [folder, .. _arrows.Single(arrow => arrow.Folder == folder).MayUse];
        string code = string.Join('\n', Sources(folder).Select(Code));
        code.Should().NotBeEmpty();
        IEnumerable<string> forbidden =
            from other in _arrows
            where !allowed.Contains(other.Folder)
            from type in TypesOf(other.Folder)
            where Regex.IsMatch(code, $@"(?<![\w.""]){type}\b(?=[<.\s\[(?])")
            select $"{folder} names {type} of {other.Folder}";
        forbidden.Should().BeEmpty();
    }

    [Fact]
    public void Every_folder_has_an_arrow() =>
        Directory.EnumerateFiles(_sources, "*.cs", SearchOption.AllDirectories).Select(FolderOf)
            .Where(static folder => !folder.StartsWith("obj", StringComparison.Ordinal) && !folder.StartsWith("bin", StringComparison.Ordinal))
            .Distinct().Should().BeEquivalentTo(_arrows.Select(static arrow => arrow.Folder));

    [Fact]
    public void Namespaces_follow_the_folders()
    {
        foreach ((string folder, _) in _arrows)
        {
            string expected = IsKernel(folder) ? $"Normalization.{folder.Replace('/', '.')}" : "Normalization";
            foreach (string file in Sources(folder))
                File.ReadAllLines(file).Should().Contain($"namespace {expected};", "of {0}", file);
        }
    }

    [Fact]
    public void Unsafe_code_stands_only_under_Kernels()
    {
        foreach ((string folder, _) in _arrows)
        {
            if (IsKernel(folder))
                continue;
            foreach (string file in Sources(folder))
            {
                Code(file).Should()
                    .NotMatchRegex(@"\bunsafe\b|\bMemoryMarshal\b|\bUnsafe\.|\bstackalloc\s+\w+\s*\*|\bfixed\s*\(", "of {0}", file);
            }
        }
    }

    [Fact]
    public void Kernels_know_only_spans_and_pointers()
    {
        foreach (string file in KernelSources())
        {
            Code(file).Should()
                .NotMatchRegex(@"\bTensor<|TensorSpan<|NormalizationLayer|\bParameter<", "of {0}", file);
        }
    }

    [Fact]
    public void No_source_is_longer_than_300_lines_or_wider_than_140_columns()
    {
        const int Lines = 300, Columns = 140;
        string root = Path.Combine(Repository.Root, "src");
        string[] sources =
        [
            .. Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
                .Where(path => !Path.GetRelativePath(root, path).Split(Path.DirectorySeparatorChar).Any(static part => part is "obj" or "bin")),
        ];
        sources.Length.Should().BeGreaterThan(100);
        IEnumerable<string> broken =
            from source in sources
            let lines = File.ReadAllLines(source)
            let widest = lines.Index().MaxBy(static line => line.Item.Length)
            where lines.Length > Lines || widest.Item?.Length > Columns
            select $"{Path.GetRelativePath(root, source)}: {lines.Length} lines, {widest.Item?.Length} columns in line {widest.Index + 1}";
        broken.Should().BeEmpty();
    }

    [Fact]
    public void Measured_ratios_stand_in_the_tuning_log_by_names_that_exist()
    {
        string kernels = string.Join('\n', KernelSources().Select(File.ReadAllText));
        string log = File.ReadAllText(Path.Combine(Repository.Root, "benchmarks", "TUNING.md"));
        string[] names = [.. TuningKey().Matches(log).Select(static match => match.Groups[1].Value)];
        names.Length.Should().BeGreaterThan(20);
        names.Where(name => !Regex.IsMatch(kernels, $@"\b{name}\b")).Should().BeEmpty();
        kernels.Should().NotMatchRegex(@"//.*\b(took|takes) (\d|some \d)");
    }

    private static bool IsKernel(string folder) => folder.StartsWith("Kernels", StringComparison.Ordinal);

    private static IEnumerable<string> KernelSources() =>
        _arrows.Where(static arrow => IsKernel(arrow.Folder)).SelectMany(static arrow => Sources(arrow.Folder));

    private static string[] Sources(string folder) => Directory.GetFiles(Path.Combine(_sources, folder), "*.cs");

    private static string FolderOf(string file) => Path.GetRelativePath(_sources, Path.GetDirectoryName(file)!).Replace('\\', '/');

    /// <summary>The text of a file without its comments and strings.</summary>
    private static string Code(string file) => CommentOrString().Replace(File.ReadAllText(file), " ");

    private static IEnumerable<string> TypesOf(string folder) =>
        Sources(folder).SelectMany(static file => Declaration().Matches(Code(file))).Select(static match => match.Groups[1].Value).Distinct();

    [GeneratedRegex(@"^\| `(\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex TuningKey();

    [GeneratedRegex(@"//[^\n]*|""(?:[^""\\\n]|\\.)*""")]
    private static partial Regex CommentOrString();

    // Nested types belong to their own class and may share a name with something elsewhere: only top-level ones count.
    [GeneratedRegex(@"^(?:(?:public|internal|sealed|static|abstract|readonly|unsafe|partial|ref) )+(?:record struct|record|class|struct|interface|enum) (\w+)", RegexOptions.Multiline)]
    private static partial Regex Declaration();
}
