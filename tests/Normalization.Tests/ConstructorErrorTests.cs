namespace Normalization.Tests;

public sealed class ConstructorErrorTests
{
    private static readonly (string Expected, Action Create)[] _outOfRange =
    [
        ("numFeatures must be positive, got 0*", static () => _ = new BatchNorm1d<float>(0)),
        ("numFeatures must be positive, got -3*", static () => _ = new BatchNorm2d<float>(-3)),
        ("numFeatures must be positive, got 0*", static () => _ = new BatchNorm3d<float>(0, affine: false, trackRunningStatistics: false)),
        ("numFeatures must be positive, got 0*", static () => _ = new InstanceNorm<float>(0)),
        ("numFeatures must be positive, got -1*", static () => _ = new InstanceNorm1d<double>(-1)),
        ("numFeatures must be positive, got -1*", static () => _ = new InstanceNorm2d<double>(-1)),
        ("numFeatures must be positive, got -1*", static () => _ = new InstanceNorm3d<double>(-1)),
        ("epsilon must be finite and not negative, got -1E-05*", static () => _ = new BatchNorm1d<float>(3, epsilon: -1e-5)),
        ("epsilon must be finite and not negative, got NaN*", static () => _ = new InstanceNorm2d<float>(3, epsilon: double.NaN)),
        ("epsilon must be finite and not negative, got *", static () => _ = new GroupNorm<float>(1, 3, epsilon: double.PositiveInfinity)),
        ("epsilon must be finite and not negative, got -1*", static () => _ = new LayerNorm<float>(3, epsilon: -1)),
        ("epsilon must be finite and not negative, got -1*", static () => _ = new RmsNorm<float>(3, epsilon: -1)),
        ("momentum must lie in [0, 1], got 1.1*null means the cumulative average*", static () => _ = new BatchNorm1d<float>(3, momentum: 1.1)),
        ("momentum must lie in [0, 1], got -0.1*", static () => _ = new BatchNorm3d<float>(3, momentum: -0.1)),
        ("momentum must lie in [0, 1], got NaN*", static () => _ = new InstanceNorm3d<float>(3, momentum: double.NaN)),
        ("numGroups must be positive, got 0*", static () => _ = new GroupNorm<float>(0, 4)),
        ("numChannels must be positive, got 0*", static () => _ = new GroupNorm<float>(1, 0)),
        ("normalizedShape must be positive, got 0*", static () => _ = new LayerNorm<float>(0)),
        ("*got*-2*", static () => _ = new LayerNorm<float>([3, -2])),
        ("normalizedShape must be positive, got 0*", static () => _ = new RmsNorm<float>([0, 3])),
    ];

    private static readonly (string Expected, Action Create)[] _wrong =
    [
        ("numChannels must be divisible by numGroups, got 6 channels and 4 groups*", static () => _ = new GroupNorm<float>(4, 6)),
        ("normalizedShape must have at least one dimension*", static () => _ = new LayerNorm<float>([])),
        ("normalizedShape must have at least one dimension*", static () => _ = new RmsNorm<double>([])),
        ("*at most * elements*[65536, 65536]*", static () => _ = new LayerNorm<float>([65536, 65536])),
    ];

    private static readonly Action[] _halves =
    [
        static () => _ = new BatchNorm1d<Half>(3),
        static () => _ = new BatchNorm2d<Half>(3, affine: false, trackRunningStatistics: false),
        static () => _ = new InstanceNorm2d<Half>(3),
        static () => _ = new GroupNorm<Half>(1, 3, affine: false),
        static () => _ = new LayerNorm<Half>(3),
        static () => _ = new RmsNorm<Half>(3, elementwiseAffine: false),
        static () => _ = new Tensor<Half>(2, 3),
        static () => _ = new Tensor<Half>(new Half[6], 2, 3),
        static () => _ = new Tensor<Half>(new Half[6].AsMemory(), 2, 3),
        static () => _ = Tensor<Half>.Uninitialized(2),
        static () => _ = Tensor<Half>.Full([2], Half.One),
        static () => _ = Tensor<Half>.RandomNormal([2], 1),
        static () => NormalizationPrimitives.LayerNormForward<Half>(new Half[2], 1, 2, default, default, 0, new Half[2], default, default),
        static () => NormalizationPrimitives.LayerNormGradient<Half>(new Half[2], new Half[2], 1, 2, default, new Half[2], default, default, [0], [1]),
        static () => NormalizationPrimitives.LayerNormMoments<Half>(new Half[2], 1, 2, new double[1], new double[1]),
        static () => NormalizationPrimitives.BatchNormInference<Half>(new Half[2], 1, 1, 2, default, default, 0, new Half[2], new Half[1], new Half[1]),
    ];

    public static TheoryData<int> OutOfRange => [.. Enumerable.Range(0, _outOfRange.Length)];

    public static TheoryData<int> Wrong => [.. Enumerable.Range(0, _wrong.Length)];

    public static TheoryData<int> Halves => [.. Enumerable.Range(0, _halves.Length)];

    [Theory]
    [MemberData(nameof(OutOfRange))]
    public void A_value_outside_its_range_is_refused_by_name_and_value(int index) =>
        _outOfRange[index].Create.Should().Throw<ArgumentOutOfRangeException>().WithMessage(_outOfRange[index].Expected);

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Values_that_do_not_go_together_are_refused(int index) =>
        _wrong[index].Create.Should().ThrowExactly<ArgumentException>().WithMessage(_wrong[index].Expected);

    [Theory]
    [MemberData(nameof(Halves))]
    public void Any_other_element_type_is_refused_naming_the_two(int index) =>
        _halves[index].Should().Throw<NotSupportedException>().WithMessage("*float and double*Half*");

    [Fact]
    public void The_limits_themselves_are_allowed()
    {
        _ = new BatchNorm1d<float>(1, epsilon: 0, momentum: 0);
        _ = new BatchNorm1d<float>(1, momentum: 1);
        _ = new InstanceNorm1d<float>(1, momentum: null);
        _ = new GroupNorm<float>(7, 7);
        new RmsNorm<float>(1, epsilon: 0).Epsilon.Should().Be(0);
    }
}
