using Normalization.PublicApi.Tests;

namespace Normalization.Tests;

/// <summary>Double backward gives what PyTorch's autograd gives: Golden/write_second_order.py tells where the values come from.</summary>
public sealed class SecondOrderGoldenTests
{
    private static readonly StateDictionary _golden =
        SafeTensorsFile.Load(Path.Combine(Repository.Root, "tests", "Normalization.Tests", "Golden", "second_order.safetensors"));

    [Theory]
    [InlineData("batch")]
    [InlineData("fixed")]
    [InlineData("layer")]
    [InlineData("group")]
    [InlineData("instance")]
    public void Double_backward_gives_the_values_of_PyTorch(string name)
    {
        Tensor<double> x = Read(name, "x");
        NormalizationLayer<double> layer = name switch
        {
            "layer" => new LayerNorm<double>(7),
            "group" => new GroupNorm<double>(2, 6),
            "instance" => new InstanceNorm1d<double>(3, affine: true),
            _ => new BatchNorm1d<double>(3),
        };
        Read(name, "w").CopyTo(layer.Weight!.Value);
        if (name == "fixed")
        {
            var batch = (BatchNorm1d<double>)layer;
            Read(name, "mean").CopyTo(batch.RunningMean!);
            Read(name, "var").CopyTo(batch.RunningVariance!);
            layer.Eval();
        }
        var context = new ForwardContext<double>();
        layer.Forward(x, new Tensor<double>(x.Shape), context);
        Tensor<double> inputGradient = new(x.Shape), outputGradient = new(x.Shape);
        layer.DoubleBackward(Read(name, "dy"), new DoubleBackwardOptions<double>
        {
            Context = context,
            InputGradientGradient = Read(name, "v"),
            WeightGradientGradient = Read(name, "uw"),
            BiasGradientGradient = Read(name, "ub"),
            InputGradient = inputGradient,
            OutputGradientGradient = outputGradient,
        });
        foreach ((string key, Tensor<double> actual) in ((string, Tensor<double>)[])
            [("gx", inputGradient), ("gdy", outputGradient), ("gw", layer.Weight.Gradient)])
        {
            Values.Distance(Values.Doubles(actual), Values.Doubles(Read(name, key)), floor: 1e-3).Should().BeLessThan(1e-11, key);
        }
    }

    private static Tensor<double> Read(string name, string key) => _golden[$"{name}.{key}"].ToTensor<double>();
}
