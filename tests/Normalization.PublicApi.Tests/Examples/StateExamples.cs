using Normalization;
using Normalization.PublicApi.Tests;

namespace Examples;

/// <summary>The examples of tensors, states, files and models.</summary>
internal static class StateExamples
{
    public static void OfTensor()
    {
        // begin-sample of-tensor
        float[] data = [1, 2, 3, 4, 5, 6];
        var matrix = new Tensor<float>(data, 2, 3);   // over the array, without a copy
        matrix[1, 2] = 7;                             // data[5] is 7 now
        Tensor<float> row = matrix.Reshape(1, -1);    // over the same memory
        Tensor<float> copy = matrix.Clone();          // over memory of its own
        Console.WriteLine(matrix);                    // Tensor<Single>[2, 3] [[1, 2, 3], [4, 5, 7]]
        // end-sample
        matrix.ToString().Should().Be("Tensor<Single>[2, 3] [[1, 2, 3], [4, 5, 7]]");
        data[5].Should().Be(7);
        row[0, 5] = 8;
        (data[5], copy[1, 2]).Should().Be((8, 7));
    }

    public static void OfStateDictionary()
    {
        // begin-sample of-state-dictionary
        float[] gamma = [1, 2], beta = [3, 4];
        var state = new StateDictionary { { "weight", new Tensor<float>(gamma) }, { "bias", new Tensor<float>(beta) } };
        var norm = new LayerNorm<float>(2);
        norm.LoadState(state);
        // end-sample
        norm.Bias!.Value[1].Should().Be(4);
    }

    public static void OfStates()
    {
        // begin-sample of-states
        BatchNorm1d<float> trained = new(4), copy = new(4);
        trained.Forward(Tensor<float>.RandomNormal([8, 4], seed: 1));
        copy.LoadState(trained.GetState());

        // Without strict, keys may be missing or unexpected. The report says which.
        StateReport report = new LayerNorm<float>(4).LoadState(trained.GetState(), strict: false);
        Console.WriteLine(report);
        // end-sample
        copy.BatchesTracked.Should().Be(1);
        report.UnexpectedKeys.Should().Contain("running_mean");
    }

    public static void OfLayerDictionary()
    {
        // begin-sample of-layer-dictionary
        var layers = new LayerDictionary<float>
        {
            { "encoder.0.norm", new LayerNorm<float>(8) },
            { "encoder.1.norm", new LayerNorm<float>(8) },
        };
        layers.Eval();
        StateDictionary state = layers.GetState();  // encoder.0.norm.weight, encoder.0.norm.bias, encoder.1.norm.weight, ...
        layers.LoadState(state);
        // end-sample
        state.Count.Should().Be(4);
    }

    public static void OfSafeTensors()
    {
        string folder = Directory.CreateTempSubdirectory("normalization-example-").FullName;
        string path = Path.Combine(folder, "norm.safetensors");
        try
        {
            // begin-sample of-safe-tensors
            var norm = new LayerNorm<float>(8);
            SafeTensorsFile.Save(path, norm.GetState());

            using SafeTensorsFile file = SafeTensorsFile.Open(path);  // reads the header alone
            Tensor<float> weight = file.State["weight"].ToTensor<float>();
            norm.LoadState(file.State);
            // end-sample
            weight[7].Should().Be(1);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public static void OfMapping()
    {
        // begin-sample of-mapping
        var keras = new StateDictionary { { "block/norm/gamma", new Tensor<float>(8) }, { "block/norm/beta", new Tensor<float>(8) } };
        StateImport import = StateMapping.Keras.Import(keras);
        Console.WriteLine(import);  // what became of each key, and which ε to give to the layer
        var norm = new LayerNorm<float>(8, epsilon: StateMapping.Keras.LayerNormEpsilon);
        norm.LoadState(import.State.GetSubset("block.norm"));
        // end-sample
        norm.Weight!.Value[0].Should().Be(0);
    }

    public static void OfMomentum()
    {
        // begin-sample of-momentum
        var norm = new BatchNorm1d<float>(64, momentum: MomentumConvention.OnOldValue.Convert(0.99));  // 0.01 here
        // end-sample
        norm.Momentum.Should().BeApproximately(0.01, 1e-15);
    }

    public static void OfOnnx()
    {
        string path = Path.Combine(Repository.Root, "tests", "Normalization.Tests", "Golden", "pytorch.onnx");
        // begin-sample of-onnx
        OnnxModel model = OnnxModel.Load(path);
        LayerDictionary<float> layers = model.CreateLayers<float>(inputRank: 4);  // images: BatchNormalization is BatchNorm2d
        layers.Eval();
        // end-sample
        layers.Should().NotBeEmpty();
    }

    public static void OfRecalibration()
    {
        // begin-sample of-recalibration
        var norm = new BatchNorm2d<float>(3);
        var model = new LayerDictionary<float> { { "features.norm", norm } };
        using (Recalibration<float> recalibration = model.Recalibrate())
        {
            for (int i = 0; i < 4; i++)
                norm.Forward(Tensor<float>.RandomNormal([8, 3, 6, 6], seed: i, mean: 5));
            recalibration.Complete();
        }
        Console.WriteLine(norm.RunningMean);  // the mean of all 32 images
        // end-sample
        norm.RunningMean![0].Should().BeInRange(4.8f, 5.2f);
    }

    public static void OfRecalibrationStates()
    {
        // begin-sample of-recalibration-states
        BatchNorm1d<float> first = new(3), second = new(3);  // on two machines, with a part of the data each
        using Recalibration<float> here = first.Recalibrate(), there = second.Recalibrate();
        first.Forward(Tensor<float>.RandomNormal([8, 3], seed: 1, mean: 5));
        second.Forward(Tensor<float>.RandomNormal([8, 3], seed: 2, mean: 5));
        here.AddState(there.GetState());                     // through a file, see SafeTensorsFile
        here.Complete();
        // end-sample
        first.RunningMean![0].Should().BeInRange(4, 6);
    }
}
