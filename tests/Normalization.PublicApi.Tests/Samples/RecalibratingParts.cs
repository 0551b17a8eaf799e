using Normalization;

namespace Samples;

internal static class RecalibratingParts
{
    public static void Run()
    {
        var norm = new BatchNorm1d<float>(3);
        var model = new LayerDictionary<float> { { "norm", norm } };
        string folder = Directory.CreateTempSubdirectory("normalization-sample-").FullName;
        for (int part = 1; part <= 3; part++)
        {
            string path = Path.Combine(folder, $"part-{part}.safetensors");
            var batch = Tensor<float>.RandomNormal([8, 3], seed: part, mean: part);
            // begin-sample recalibrating-parts
            // On each machine, over its part of the data:
            using (Recalibration<float> recalibration = model.Recalibrate())
            {
                norm.Forward(batch);
                SafeTensorsFile.Save(path, recalibration.GetState());
            }

            // end-sample
        }
        string[] parts = Directory.GetFiles(folder);
        // begin-sample recalibrating-parts
        // On one machine, with the files of all:
        using (Recalibration<float> recalibration = model.Recalibrate())
        {
            foreach (string part in parts)
                recalibration.AddState(SafeTensorsFile.Load(part));
            recalibration.Complete();
        }
        // end-sample
        norm.RunningMean![0].Should().BeInRange(1.3f, 2.7f);
        Directory.Delete(folder, recursive: true);
    }
}
