using Normalization;
using OwnLayers;

namespace Samples;

/// <summary>Runs the layer whose text the recipe shows.</summary>
internal static class OwnLayer
{
    public static void Run()
    {
        var layer = new ChannelLayerNorm<float>(3);
        Tensor<float> y = layer.Forward(Tensor<float>.RandomNormal([2, 3, 4, 5], seed: 1, mean: 7));
        (y[1, 0, 3, 4] + y[1, 1, 3, 4] + y[1, 2, 3, 4]).Should().BeApproximately(0, 1e-5f);
        layer.Backward(y).Shape.ToArray().Should().Equal(2, 3, 4, 5);
        layer.GetState().Keys.Should().Equal("weight", "bias");
    }
}
