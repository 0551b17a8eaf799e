using Normalization;

namespace Samples;

internal static class SavingModels
{
    public static void Run()
    {
        string folder = Directory.CreateTempSubdirectory("normalization-sample-").FullName;
        string path = Path.Combine(folder, "model.safetensors");
        try
        {
            // begin-sample saving-models
            var model = new LayerDictionary<float>
            {
                { "encoder.0.norm", new BatchNorm2d<float>(64) },
                { "head.norm", new LayerNorm<float>(512) },
            };
            model.Save(path);

            // Everything is checked before anything is changed. Keys of other layers in the file are ignored.
            model.Load(path);

            // One layer, one tensor, and what else there is: opening reads the header alone.
            using SafeTensorsFile file = SafeTensorsFile.Open(path);
            model["head.norm"].LoadState(file.State.GetSubset("head.norm"));
            Tensor<float> weight = file.State["encoder.0.norm.weight"].ToTensor<float>();
            Console.WriteLine(file.State["encoder.0.norm.num_batches_tracked"].ToInt64());
            // end-sample
            weight.Shape.ToArray().Should().Equal(64);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
