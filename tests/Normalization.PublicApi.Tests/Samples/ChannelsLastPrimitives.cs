using Normalization;

namespace Samples;

internal static class ChannelsLastPrimitives
{
    public static void Run()
    {
        const int n = 2, c = 6, s = 20, groups = 3;
        float[] x = Tensor<float>.RandomNormal([n, s, c], seed: 1).Span.ToArray(), y = new float[x.Length], weight = [1, 1, 1, 1, 1, 1], bias = new float[c];
        // begin-sample channels-last-primitives
        var plan = NormalizationPlan.Groups(n, c, s, groups, ChannelAxis.Last);
        double[] mean = new double[plan.GroupCount], inverseStandardDeviation = new double[plan.GroupCount];
        NormalizationPrimitives.FusedForward<float>(
            plan, x, weight, bias, 1e-5, default, Activation.None, y, mean, inverseStandardDeviation);
        // end-sample
        Tensor<float> expected = new GroupNorm<float>(groups, c) { ChannelAxis = ChannelAxis.Last }.Forward(new(x, n, s, c));
        y.Should().Equal(expected.Span.ToArray());
    }
}
