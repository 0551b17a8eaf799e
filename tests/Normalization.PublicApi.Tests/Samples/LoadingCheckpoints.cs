using Normalization;

namespace Samples;

internal static class LoadingCheckpoints
{
    public static void Run()
    {
        string path = Path.Combine(Path.GetTempPath(), $"normalization-sample-{Guid.NewGuid():N}.safetensors");
        SafeTensorsFile.Save(path, new()
        {
            { "encoder.0.norm.weight", Tensor<float>.Full([64], 2) }, { "encoder.0.norm.bias", new Tensor<float>(64) },
            { "encoder.0.norm.running_mean", new Tensor<float>(64) }, { "encoder.0.norm.running_var", Tensor<float>.Full([64], 1) },
            { "head.norm.weight", Tensor<float>.Full([512], 3) }, { "head.norm.bias", new Tensor<float>(512) },
            { "head.linear.weight", new Tensor<float>(2, 512) },
        });
        // begin-sample loading-checkpoints
        var model = new LayerDictionary<float>
        {
            { "encoder.0.norm", new BatchNorm2d<float>(64) },
            { "head.norm", new LayerNorm<float>(512) },
        };
        model.Load(path);
        model.Eval();
        // end-sample
        File.Delete(path);
        model["encoder.0.norm"].Weight!.Value[63].Should().Be(2);
        model["head.norm"].Weight!.Value[511].Should().Be(3);
    }
}
