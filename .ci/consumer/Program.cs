using Normalization;

bool allLearned = true;
Learn(new BatchNorm1d<float>(6), 32, 6);
Learn(new BatchNorm2d<float>(6), 4, 6, 9, 9);
Learn(new BatchNorm3d<double>(6), 4, 6, 2, 3, 3);
Learn(new BatchRenorm<float>(6) { WarmUpStart = 0 }, 8, 6, 5);
Learn(new GroupNorm<float>(2, 6), 8, 6, 5);
Learn(new InstanceNorm2d<float>(6, affine: true, trackRunningStatistics: true), 4, 6, 7, 7);
Learn(new InstanceNorm<double>(6, affine: true), 4, 6, 2, 2, 2, 2);
Learn(new LayerNorm<float>(33), 16, 33);
Learn(new LayerNorm<double>([3, 5], bias: false), 16, 3, 5);
Learn(new RmsNorm<float>(33), 16, 33);
Learn(new RmsNorm<double>(33), 16, 33);
Respond();
bool areFilesKept = SaveAndLoad();
FineTune();
return allLearned && areFilesKept ? 0 : 1;

// A layer without parameters.
void Respond()
{
    var layer = new LocalResponseNorm<float>(5);
    Tensor<float> x = Tensor<float>.RandomNormal([2, 6, 7], seed: 1), y = layer.Forward(x), dx = layer.Backward(y);
    Console.WriteLine($"local response   {y[1, 5, 6]:E6} {dx[1, 5, 6]:E6}");
    allLearned &= float.IsFinite(dx[1, 5, 6]) && Math.Abs(y[1, 5, 6]) <= Math.Abs(x[1, 5, 6]);
}

// A frozen layer, folded, on tensor spans and on native memory.
void FineTune()
{
    Tensor<float> x = Tensor<float>.RandomNormal([4, 6, 5], seed: 1), y = new(4, 6, 5), weight = Tensor<float>.RandomNormal([6, 3], seed: 2);
    var norm = new BatchNorm1d<float>(6) { UseRunningStatistics = true };
    norm.Weight!.RequiresGradient = false;
    var context = new ForwardContext<float>();
    norm.Forward(x, y.AsTensorSpan(), context);
    norm.Backward(x, y, y.AsTensorSpan(), context);
    norm.Eval();
    (Tensor<float> folded, _) = BatchNormFolding.IntoLinear(weight, null, norm);
    nint address = System.Runtime.InteropServices.Marshal.AllocHGlobal(x.Length * sizeof(float));
    using (var memory = new NativeMemoryManager<float>(address, x.Length))
    {
        var native = new Tensor<float>(memory.Memory, x.Shape);
        x.CopyTo(native);
        norm.Forward(native, native);
        allLearned &= native.Span.SequenceEqual(norm.Forward(x).Span);
    }
    System.Runtime.InteropServices.Marshal.FreeHGlobal(address);
    Console.WriteLine($"fine-tuned       {norm.Bias!.Gradient[0]:E6} {folded[5, 2]:E6}");
    allLearned &= norm.BatchesTracked == 0 && norm.Weight.Gradient.Span.IndexOfAnyExcept(0f) < 0;
}

// The layer learns to double its own first output.
void Learn<T>(NormalizationLayer<T> layer, params ReadOnlySpan<int> shape)
    where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
{
    Tensor<T> x = Tensor<T>.RandomNormal(shape, seed: 1, mean: 5, standardDeviation: 3);
    Tensor<T> target = layer.Forward(x), gradient = new(shape);
    double first = 0, loss = 0;
    for (int step = 0; step < 100; step++)
    {
        Tensor<T> y = layer.Forward(x);
        loss = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double error = double.CreateTruncating(y.Span[i]) - (2 * double.CreateTruncating(target.Span[i]));
            loss += error * error / x.Length;
            gradient.Span[i] = T.CreateTruncating(2 * error / x.Length);
        }
        first = step == 0 ? loss : first;
        layer.ZeroGradients();
        layer.Backward(gradient);
        foreach (Parameter<T> parameter in layer.Parameters)
        {
            for (int i = 0; i < parameter.Value.Length; i++)
                parameter.Value.Span[i] -= T.CreateTruncating(0.2 * parameter.Value.Length) * parameter.Gradient.Span[i];
        }
    }
    layer.Eval();
    layer.Forward(x, x);
    Console.WriteLine($"{layer.GetType().Name,-16} loss {first:E6} -> {loss:E6}");
    allLearned &= loss < 0.01 * first && x.ToString().Length > 0;
}

// What one model has learned, another one loads.
bool SaveAndLoad()
{
    string path = Path.GetTempFileName();
    try
    {
        LayerDictionary<float> model = Model(), other = Model();
        model["encoder.0.norm"].Forward(Tensor<float>.RandomNormal([32, 6], seed: 1, mean: 5));
        model.Save(path);
        other.Load(path);
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        StateImport import = StateMapping.Keras.Import(new() { { "head/gamma:0", file.State["head.weight"] } });
        StateReport report = other["head"].LoadState(import.State.GetSubset("head"));
        string text = $"{file.State}\n{import}\n{report}";
        Console.WriteLine(text);
        return other.GetState()["encoder.0.norm.running_mean"].ToTensor<float>().Span.SequenceEqual(
            model.GetState()["encoder.0.norm.running_mean"].ToTensor<float>().Span);
    }
    finally
    {
        File.Delete(path);
    }
}

LayerDictionary<float> Model() => new() { { "encoder.0.norm", new BatchNorm1d<float>(6) }, { "head", new RmsNorm<float>(6) } };
