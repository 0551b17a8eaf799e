using System.Reflection;

namespace Normalization.PublicApi.Tests;

public sealed class PublicSurfaceTests
{
    private const string Approval = "NORMALIZATION_APPROVE_PUBLIC_API";

    private static readonly Assembly Library = typeof(NormalizationPrimitives).Assembly;

    public static TheoryData<string> Libraries => [.. PublicSurface.Libraries.Select(static library => library.GetName().Name!)];

    [Theory]
    [MemberData(nameof(Libraries))]
    public void The_public_surface_does_not_change_unnoticed(string name)
    {
        Assembly library = PublicSurface.Libraries.Single(library => library.GetName().Name == name);
        string file = library == Library ? "PublicApi.approved.txt" : $"PublicApi.{name}.approved.txt";
        string path = Path.Combine(Repository.TestProject, file);
        string actual = new PublicSurface().Describe(library);
        if (Environment.GetEnvironmentVariable(Approval) == "1")
            File.WriteAllText(path, actual);
        string approved = File.Exists(path) ? Repository.Normalize(File.ReadAllText(path)) : "";
        if (approved != actual)
        {
            Assert.Fail(
                $"The public surface differs from {file} (- approved, + actual):\n{Difference(approved, actual)}\n"
                + $"If the change is meant, approve it: {Approval}=1 dotnet test -c Release tests/Normalization.PublicApi.Tests, and commit the file.");
        }
    }

    [Fact]
    public void No_public_member_shows_a_type_of_another_library_than_the_one_promised()
    {
        string[] promised = ["Normalization", "System.Private.CoreLib", "System.Runtime", "System.Numerics.Tensors"];
        foreach (Assembly library in PublicSurface.Libraries)
        {
            var shown = PublicSurface.Types(library)
                .SelectMany(PublicSurface.Members)
                .OfType<MethodBase>()
                .SelectMany(static method => method.GetParameters().Select(static parameter =>
                    parameter.ParameterType.Assembly.GetName().Name));
            string[] own = library == typeof(MathNet.MatrixConversions).Assembly ? ["Normalization.MathNet", "MathNet.Numerics"] : [];
            shown.Should().BeSubsetOf([.. promised, .. own], "of {0}", library);
        }
    }

    [Fact]
    public void Only_System_Numerics_Tensors_is_needed_beside_the_framework() =>
        Library.GetReferencedAssemblies()
            .Select(static assembly => assembly.Name!)
            .Where(static name => !File.Exists(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, name + ".dll")))
            .Should().Equal("System.Numerics.Tensors");

    [Fact]
    public void The_bases_of_the_layers_can_be_derived_from_outside_and_no_finished_layer()
    {
        var open = PublicSurface.Types(Library)
            .Where(static type => !type.IsSealed && PublicSurface.Members(type).OfType<ConstructorInfo>().Any());

        open.Should().BeEquivalentTo([typeof(BatchNorm<>), typeof(InstanceNorm<>), typeof(NormalizationLayer<>), typeof(RunningStatisticsLayer<>)]);
    }

    /// <summary>The lines that only one text has, by way of the longest common subsequence.</summary>
    private static string Difference(string before, string after)
    {
        string[] old = before.Split('\n'), now = after.Split('\n');
        int[,] common = new int[old.Length + 1, now.Length + 1];
        for (int i = old.Length - 1; i >= 0; i--)
        {
            for (int j = now.Length - 1; j >= 0; j--)
                common[i, j] = old[i] == now[j] ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
        }
        var lines = new List<string>();
        for (int i = 0, j = 0; i < old.Length || j < now.Length;)
        {
            if (i < old.Length && j < now.Length && old[i] == now[j])
                (i, j) = (i + 1, j + 1);
            else if (j == now.Length || (i < old.Length && common[i + 1, j] >= common[i, j + 1]))
                lines.Add($"- {old[i++].Trim()}");
            else
                lines.Add($"+ {now[j++].Trim()}");
        }
        return string.Join('\n', lines);
    }
}
