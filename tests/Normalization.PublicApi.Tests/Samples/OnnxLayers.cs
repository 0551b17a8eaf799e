using Normalization;
using Normalization.PublicApi.Tests;

namespace Samples;

internal static class OnnxLayers
{
    public static void Run()
    {
        string path = Path.Combine(Repository.Root, "tests", "Normalization.Tests", "Golden", "pytorch.onnx");
        // begin-sample onnx-layers
        OnnxModel onnx = OnnxModel.Load(path);
        Console.WriteLine(onnx);

        // A model need not say how many dimensions its BatchNormalization has: 4 is BatchNorm2d.
        LayerDictionary<float> layers = onnx.CreateLayers<float>(inputRank: 4);
        layers.Eval();
        // end-sample
        layers.Should().HaveCount(3);
        layers["/norm/BatchNormalization"].Should().BeOfType<BatchNorm2d<float>>();
    }
}
