using Normalization;

namespace Samples;

internal static class FloatArrays
{
    public static void Run()
    {
        const int rows = 4;
        float[] activations = [.. Enumerable.Range(0, rows * 512).Select(static i => (float)(i % 7))];
        var norm = new LayerNorm<float>(512);
        // begin-sample float-arrays
        norm.Eval();
        var tensor = new Tensor<float>(activations, rows, 512);
        norm.Forward(tensor, tensor);
        // end-sample
        activations.Average().Should().BeApproximately(0, 1e-5f);
    }
}
