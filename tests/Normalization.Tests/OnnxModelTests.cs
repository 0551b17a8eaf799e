using Normalization.PublicApi.Tests;

namespace Normalization.Tests;

/// <summary>Models written by Python's onnx and by PyTorch; Golden/write_onnx.py tells where they come from.</summary>
public sealed class OnnxModelTests
{
    private static readonly string _folder = Path.Combine(Repository.Root, "tests", "Normalization.Tests", "Golden");
    private static readonly StateDictionary _outputs = SafeTensorsFile.Load(Path.Combine(_folder, "onnx_outputs.safetensors"));

    [Theory]
    [InlineData("batch", "x")]
    [InlineData("instance", "x")]
    [InlineData("group", "x")]
    [InlineData("layer", "rows")]
    [InlineData("layer_without_bias", "rows")]
    [InlineData("f", "rows")]
    [InlineData("rms", "rows")]
    [InlineData("simplified", "rows")]
    [InlineData("half", "rows")]
    public void A_layer_computes_what_the_operator_computes(string name, string input)
    {
        OnnxNormalization normalization = Load("norms").Normalizations.Single(normalization => normalization.Name == name);
        NormalizationLayer<double> layer = normalization.CreateLayer<double>();
        layer.Eval();
        Values.Distance(Values.Doubles(layer.Forward(Output(input))), Values.Doubles(Output(name))).Should().BeLessThan(1e-13);
    }

    [Fact]
    public void Attributes_become_those_of_the_layer()
    {
        OnnxNormalization[] normalizations = [.. Load("norms").Normalizations];
        (OnnxNormalization batch, OnnxNormalization group, OnnxNormalization rms) =
            (normalizations[0], normalizations[2], normalizations[6]);
        (batch.Operator, batch.Epsilon, batch.Momentum, batch.InputRank, batch.NumGroups)
            .Should().Be(("BatchNormalization", 1e-3f, 0.25, 4, null));
        BatchNorm2d<float> layer = batch.CreateLayer<float>().Should().BeOfType<BatchNorm2d<float>>().Which;
        (layer.Momentum, layer.HasBiasedRunningVariance).Should().Be((0.25, true), "the operator follows the biased variance");
        (group.NumGroups, group.Momentum, (float)group.Epsilon).Should().Be((2, null, 1e-2f));
        (rms.Name, (float)rms.Epsilon, rms.InputRank).Should().Be(("rms", 1e-5f, 3));
        rms.State["weight"].ToString().Should().Be("F16 [4]");
        normalizations[4].CreateLayer<float>().Bias.Should().BeNull();
    }

    [Fact]
    public void What_cannot_be_a_layer_is_named_with_its_reason()
    {
        OnnxModel model = Load("norms");
        model.Normalizations.Should().HaveCount(9);
        model.NotRead.Should().Equal(
            "computed (LayerNormalization) computes its input z instead of having it as a constant.",
            "whole (LayerNormalization) cannot be read: its input whole has elements of the type 7; "
            + "float, double, float16 and bfloat16 can be read.",
            "broadcast (LayerNormalization) has a scale of the shape [4], which does not say the sizes of the axes from -2 on.",
            "skip is a SkipLayerNormalization, which no layer of this library computes.");
        model.ToString().Should().Contain("9 normalizations read, 4 not.")
            .And.Contain("layer_without_bias: LayerNormalization, epsilon 1E-06, weight: F32 [2, 4]").And.Contain("skip is a");
    }

    [Fact]
    public void A_model_of_PyTorch_becomes_layers_that_compute_the_same()
    {
        OnnxModel model = Load("pytorch");
        FluentActions.Invoking(() => model.CreateLayers<float>()).Should().Throw<InvalidOperationException>()
            .WithMessage("*/norm/BatchNormalization*Pass inputRank*");
        FluentActions.Invoking(() => model.CreateLayers<float>(6)).Should().Throw<InvalidOperationException>()
            .WithMessage("*2 to 5 dimensions*has 6*");
        LayerDictionary<double> layers = model.CreateLayers<double>(inputRank: 4);
        layers.Eval();
        Tensor<double> x = Output("x");
        foreach (string name in (string[])["/norm/BatchNormalization", "/instance/InstanceNormalization"])
        {
            foreach (ref double element in x.Span)
                element = Math.Max(element, 0);
            x = layers[name].Forward(x);
        }
        x = layers["/head/LayerNormalization"].Forward(x);
        Values.Distance(Values.Doubles(x), Values.Doubles(Output("torch"))).Should().BeLessThan(2e-5, "PyTorch computed in float");
        ((BatchNorm<double>)layers["/norm/BatchNormalization"]).Momentum.Should().BeApproximately(0.1, 1e-7);
    }

    [Fact]
    public void One_scale_for_each_group_becomes_one_for_each_channel()
    {
        OnnxNormalization[] normalizations = [.. Load("group18").Normalizations];
        NormalizationLayer<double> known = normalizations[0].CreateLayer<double>();
        Values.Distance(Values.Doubles(known.Forward(Output("x"))), Values.Doubles(Output("known"))).Should().BeLessThan(1e-13);
        OnnxNormalization unknown = normalizations[1];
        FluentActions.Invoking(() => unknown.CreateLayer<float>()).Should().Throw<InvalidOperationException>()
            .WithMessage("unknown has one scale for each group*Pass numChannels*");
        FluentActions.Invoking(() => unknown.CreateLayer<float>(numChannels: 5)).Should().Throw<ArgumentException>()
            .WithMessage("*a multiple of 2 channels, got 5*");
        unknown.CreateLayer<float>(numChannels: 6).Weight!.Value.Length.Should().Be(6);
    }

    [Fact]
    public void The_rank_that_the_model_does_not_say_is_asked_for()
    {
        OnnxNormalization batch = Load("group18").Normalizations[2];
        batch.InputRank.Should().BeNull();
        batch.CreateLayer<float>(2).Should().BeOfType<BatchNorm1d<float>>();
        batch.CreateLayer<float>(3).Should().BeOfType<BatchNorm1d<float>>();
        batch.CreateLayer<float>(4).Should().BeOfType<BatchNorm2d<float>>();
        batch.CreateLayer<float>(5).Should().BeOfType<BatchNorm3d<float>>();
        FluentActions.Invoking(() => batch.CreateLayer<float>(1)).Should().Throw<InvalidOperationException>()
            .WithMessage("*2 to 5 dimensions*");
    }

    [Fact]
    public void Constants_in_a_file_beside_the_model_are_read()
    {
        NormalizationLayer<double> layer = Load("external").Normalizations.Single().CreateLayer<double>();
        Values.Distance(Values.Doubles(layer.Forward(Output("rows"))), Values.Doubles(Output("external"))).Should().BeLessThan(1e-13);
        OnnxModel.Parse(Bytes("external")).NotRead.Should().ContainSingle()
            .Which.Should().Contain("external.bin, which only a model that is loaded from a file can name");
    }

    [Theory]
    [InlineData("../secret.bi")]
    [InlineData("/etc/hostnam")]
    [InlineData(@"..\secret.bi")]
    [InlineData("c:secret.bin")]
    [InlineData("a/../../b.bi")]
    [InlineData("./secret.bin")]
    public void A_model_cannot_name_a_file_outside_of_its_folder(string location)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["model.onnx"], Replaced(location));
        OnnxModel.Load(folder["model.onnx"]).NotRead.Should().ContainSingle().Which.Should().Contain("which is not beside the model");
    }

    [Fact]
    public void A_missing_or_short_file_of_constants_is_an_error_of_its_own()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["model.onnx"], Bytes("external"));
        FluentActions.Invoking(() => OnnxModel.Load(folder["model.onnx"])).Should().Throw<FileNotFoundException>();
        File.WriteAllBytes(folder["external.bin"], new byte[31]);
        FluentActions.Invoking(() => OnnxModel.Load(folder["model.onnx"])).Should().Throw<InvalidDataException>()
            .WithMessage("*external.bin, which has 31*");
        FluentActions.Invoking(() => OnnxModel.Load(folder["missing.onnx"])).Should().Throw<FileNotFoundException>();
        FluentActions.Invoking(static () => OnnxModel.Load("")).Should().Throw<ArgumentException>();
    }

    [Fact]
    public void A_value_that_is_not_finite_is_refused_by_its_layer()
    {
        byte[] bytes = Bytes("group18");
        byte[] two = BitConverter.GetBytes(Load("group18").Normalizations[2].State["weight"].ToTensor<float>()[0]);
        int at = bytes.AsSpan().IndexOf(two);
        BitConverter.GetBytes(float.NaN).CopyTo(bytes, at);
        OnnxNormalization normalization = OnnxModel.Parse(bytes).Normalizations[2];
        FluentActions.Invoking(() => normalization.CreateLayer<float>(2)).Should().Throw<ArgumentException>()
            .WithMessage("*expected finite values*");
    }

    internal static byte[] Bytes(string name) => File.ReadAllBytes(Path.Combine(_folder, $"{name}.onnx"));

    private static byte[] Replaced(string location)
    {
        string text = System.Text.Encoding.Latin1.GetString(Bytes("external"));
        text.Should().Contain("external.bin");
        location.Should().HaveLength("external.bin".Length);
        return System.Text.Encoding.Latin1.GetBytes(text.Replace("external.bin", location, StringComparison.Ordinal));
    }

    private static OnnxModel Load(string name) => OnnxModel.Load(Path.Combine(_folder, $"{name}.onnx"));

    private static Tensor<double> Output(string name) => _outputs[name].ToTensor<double>();
}
