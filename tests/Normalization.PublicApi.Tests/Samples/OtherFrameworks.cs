using Normalization;

namespace Samples;

internal static class OtherFrameworks
{
    public static void Run()
    {
        Tensor<float> one = Tensor<float>.Full([8], 1);
        StateDictionary keras = new()
        {
            { "block1/bn/gamma", one }, { "block1/bn/beta", one }, { "block1/bn/moving_mean", one }, { "block1/bn/moving_variance", one },
        };
        // begin-sample other-frameworks
        StateImport import = StateMapping.Keras.Import(keras);
        Console.WriteLine(import);
        var norm = new BatchNorm2d<float>(
            8,
            epsilon: StateMapping.Keras.BatchNormEpsilon,
            momentum: MomentumConvention.OnOldValue.Convert(0.99))
        {
            HasBiasedRunningVariance = StateMapping.Keras.HasBiasedRunningVariance,
        };
        norm.LoadState(import.State.GetSubset("block1.bn"));
        // end-sample
        norm.RunningMean![0].Should().Be(1);
        norm.Epsilon.Should().Be(1e-3);
    }
}
