namespace Normalization.Tests;

public sealed class LayerTextTests
{
    [Theory]
    [InlineData("en-US")]
    [InlineData("de-DE")]
    public void A_layer_and_a_parameter_tell_their_configuration_in_every_culture(string culture)
    {
        System.Globalization.CultureInfo before = System.Globalization.CultureInfo.CurrentCulture;
        System.Globalization.CultureInfo.CurrentCulture = new(culture);
        try
        {
            $"{new BatchNorm2d<float>(64)}".Should()
                .Be("BatchNorm2d(64, epsilon: 1E-05, momentum: 0.1, affine: True, trackRunningStatistics: True)");
            $"{new InstanceNorm<double>(3, epsilon: 0.5, momentum: null)}".Should()
                .Be("InstanceNorm(3, epsilon: 0.5, momentum: null, affine: False, trackRunningStatistics: False)");
            $"{new GroupNorm<float>(4, 64, affine: false)}".Should().Be("GroupNorm(4, 64, epsilon: 1E-05, affine: False)");
            $"{new LayerNorm<float>([5, 10], bias: false)}".Should()
                .Be("LayerNorm([5, 10], epsilon: 1E-05, elementwiseAffine: True, bias: False)");
            $"{new RmsNorm<float>(10, 1e-6)}".Should().Be("RmsNorm([10], epsilon: 1E-06, elementwiseAffine: True)");
            var parameter = new Parameter<float>("scales", 3, 4);
            $"{parameter}".Should().Be("scales [3, 4]");
            parameter.RequiresGradient = false;
            $"{parameter}".Should().Be("scales [3, 4], frozen");
        }
        finally
        {
            System.Globalization.CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Train_takes_the_mode_as_an_argument_too()
    {
        var layer = new BatchNorm1d<float>(2);
        layer.Forward(new Tensor<float>(3, 2));
        layer.Train(false);
        layer.IsTraining.Should().BeFalse();
        layer.Train(true);
        layer.Invoking(static item => item.Backward(new Tensor<float>(3, 2))).Should().Throw<InvalidOperationException>("evaluation forgets");
        var model = new LayerDictionary<float> { { "norm", layer } };
        model.Train(false);
        layer.IsTraining.Should().BeFalse();
        model.Train(true);
        layer.IsTraining.Should().BeTrue();
    }
}
