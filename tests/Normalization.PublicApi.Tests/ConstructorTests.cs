using System.Reflection;

namespace Normalization.PublicApi.Tests;

/// <summary>
/// One more parameter of a constructor breaks every program that was compiled before. So the constructors have the parameters of PyTorch's
/// and no others; what else a layer can do is an init-only property.
/// </summary>
public sealed class ConstructorTests
{
    private const string Running = "num_features, eps, momentum, affine, track_running_stats";

    private static readonly Dictionary<string, string> PyTorch = new()
    {
        ["BatchNorm1d"] = Running,
        ["BatchNorm2d"] = Running,
        ["BatchNorm3d"] = Running,
        ["InstanceNorm"] = Running,
        ["InstanceNorm1d"] = Running,
        ["InstanceNorm2d"] = Running,
        ["InstanceNorm3d"] = Running,
        ["GroupNorm"] = "num_groups, num_channels, eps, affine",
        ["LayerNorm"] = "normalized_shape, eps, elementwise_affine, bias",
        ["LocalResponseNorm"] = "size, alpha, beta, k",
        ["RmsNorm"] = "normalized_shape, eps, elementwise_affine",
    };

    private static readonly Dictionary<string, string> OurNames = new()
    {
        ["num_features"] = "numFeatures",
        ["num_groups"] = "numGroups",
        ["num_channels"] = "numChannels",
        ["normalized_shape"] = "normalizedShape",
        ["eps"] = "epsilon",
        ["track_running_stats"] = "trackRunningStatistics",
        ["elementwise_affine"] = "elementwiseAffine",
    };

    public static TheoryData<string> Layers => [.. PyTorch.Keys];

    [Theory]
    [MemberData(nameof(Layers))]
    public void The_constructor_of_a_layer_has_the_parameters_of_PyTorch_and_grows_no_further(string layer)
    {
        Type type = typeof(NormalizationPrimitives).Assembly.GetType($"Normalization.{layer}`1", throwOnError: true)!;
        string[] expected = [.. PyTorch[layer].Split(", ").Select(static name => OurNames.GetValueOrDefault(name, name))];

        ConstructorInfo[] constructors = type.GetConstructors();
        constructors.Should().NotBeEmpty();
        foreach (ConstructorInfo constructor in constructors)
            constructor.GetParameters().Select(static parameter => parameter.Name).Should().Equal(expected, "of {0}", constructor);
    }
}
