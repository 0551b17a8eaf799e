using Normalization;
using OwnLayers;

namespace Samples;

/// <summary>Runs the layer whose text the recipe shows.</summary>
internal static class ConditionalLayer
{
    public static void Run()
    {
        var layer = new ClassConditionalBatchNorm<float>(numClasses: 2, numFeatures: 1) { Classes = [0, 0, 1, 1] };
        layer.Shifts.Value[1, 0] = 5;
        Tensor<float> y = layer.Forward(new([1, -1, 1, -1], 4, 1));
        y[0, 0].Should().BeApproximately(1, 1e-4f);
        y[3, 0].Should().BeApproximately(4, 1e-4f);
        layer.Backward(y);
        layer.Shifts.Gradient[1, 0].Should().BeApproximately(10, 1e-4f);
    }
}
