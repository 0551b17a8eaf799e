using Normalization;

namespace Samples;

internal static class Checkpoints
{
    public static void Run()
    {
        string folder = Directory.CreateTempSubdirectory("normalization-sample-").FullName;
        string path = Path.Combine(folder, "checkpoint.safetensors");
        try
        {
            var model = new LayerDictionary<float> { { "norm", new RmsNorm<float>(2) } };
            SafeTensorsFile.Save(path, new() { { "module.norm.weight", new Tensor<float>([2, 3], 2) }, { "module.ids", 7 } });
            // begin-sample checkpoints
            using SafeTensorsFile checkpoint = SafeTensorsFile.Open(path);

            // The keys begin with module. there. If the prefix is wrong, the error names the one that would fit.
            model.LoadState(checkpoint.State, prefix: "module");
            Train(model);

            // The norms change, in the types that they have there. Every other byte stays.
            model.Save(path, checkpoint, prefix: "module");
            // end-sample
            StateDictionary saved = SafeTensorsFile.Load(path);
            saved["module.norm.weight"].ToTensor<float>().Span.ToArray().Should().Equal(5, 5);
            saved["module.ids"].ToInt64().Should().Be(7);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Train(LayerDictionary<float> model) => model["norm"].Weight!.Value.Fill(5);
}
