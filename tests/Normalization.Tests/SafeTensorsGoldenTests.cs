using System.Text;
using Normalization.PublicApi.Tests;

namespace Normalization.Tests;

/// <summary>Files of other implementations, and theirs to the last byte: Golden/write_golden.py tells where the files come from.</summary>
public sealed class SafeTensorsGoldenTests
{
    private static readonly string _folder = Path.Combine(Repository.Root, "tests", "Normalization.Tests", "Golden");

    [Fact]
    public void A_model_of_PyTorch_computes_here_what_it_computed_there()
    {
        using SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(_folder, "pytorch_model.safetensors"));
        var model = new LayerDictionary<float>
        {
            { "encoder.0.norm", new BatchNorm2d<float>(3) },
            { "group", new GroupNorm<float>(3, 3) },
            { "head", new LayerNorm<float>(6) },
        };
        StateReport report = model.LoadState(file.State);
        (report.IsLoaded, report.MissingKeys.Count, report.UnexpectedKeys.Count).Should().Be((true, 0, 0));
        ((BatchNorm2d<float>)model["encoder.0.norm"]).BatchesTracked.Should().Be(3);
        file.Metadata.Should().Equal(new Dictionary<string, string> { ["format"] = "pt" });
        (string Prefix, string Input, string Output)[] layers =
            [("encoder.0.norm", "input", "batch_norm"), ("group", "input", "group_norm"), ("head", "rows", "layer_norm")];
        foreach ((string prefix, string input, string output) in layers)
        {
            model[prefix].Eval();
            Tensor<float> actual = model[prefix].Forward(file.State[$"test.{input}"].ToTensor<float>());
            Tensor<float> expected = file.State[$"test.{output}"].ToTensor<float>();
            Values.Distance(Values.Doubles(actual), Values.Doubles(expected)).Should().BeLessThan(5e-7, "of {0}", prefix);
        }
    }

    [Fact]
    public void Half_types_widen_to_what_PyTorch_widens_them_to()
    {
        using SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(_folder, "half_types.safetensors"));
        foreach (string type in (string[])["f16", "bf16"])
        {
            file.State[type].ElementType.Should().Be(type.ToUpperInvariant());
            long[] expected = Values.Bits(file.State[$"{type}.widened"].ToTensor<float>());
            Values.Bits(file.State[type].ToTensor<float>()).Should().Equal(expected);
            Values.Bits(file.State[type].ToTensor<double>()).Should().Equal(expected);
            expected.Should().HaveCount(10);
        }
        file.State["mask"].ToString().Should().Be("BOOL [10]");
        FluentActions.Invoking(() => file.State["mask"].ToTensor<float>()).Should().Throw<NotSupportedException>().WithMessage("*BOOL*cannot be read*");
    }

    [Fact]
    public void A_checkpoint_without_a_count_is_complete()
    {
        var layer = new BatchNorm1d<double>(4);
        StateReport report = layer.LoadState(SafeTensorsFile.Load(Path.Combine(_folder, "without_count.safetensors")));
        (report.IsLoaded, report.MissingKeys.Single()).Should().Be((true, "num_batches_tracked"));
        layer.RunningMean!.Span.ToArray().Should().OnlyContain(static value => value != 0);
    }

    [Theory]
    [InlineData("attn.0", new[] { 1, 2, 3 }, """{"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}}""")]
    [InlineData("attn0", new[] { 1, 1, 2, 3 }, """{"attn0":{"dtype":"F32","shape":[1,1,2,3],"data_offsets":[0,24]}}       """)]
    public void A_file_has_the_bytes_that_the_reference_implementation_writes(string name, int[] shape, string header)
    {
        float[] data = [0, 1, 2, 3, 4, 5];
        byte[] expected = [.. StateBytes.File(header), .. data.SelectMany(BitConverter.GetBytes)];
        StateBytes.Of(new() { { name, new Tensor<float>(data, shape) } }).Should().Equal(expected);
    }

    [Fact]
    public void A_file_without_values_has_the_bytes_that_the_reference_implementation_writes()
    {
        StateBytes.Of([]).Should().Equal(StateBytes.File("{}      "));
        StateBytes.Of([], new Dictionary<string, string> { ["framework"] = "pt" }).Should()
            .Equal(StateBytes.File("""{"__metadata__":{"framework":"pt"}}     """));
    }

    [Fact]
    public void Large_elements_come_first_and_then_names_in_order()
    {
        StateDictionary state = new() { { "b", Tensor<float>.Full([1], 1) }, { "a", Tensor<float>.Full([1], 1) }, { "d", Tensor<double>.Full([1], 1) }, { "i", 1 } };
        using SafeTensorsFile file = SafeTensorsFile.Parse(StateBytes.Of(state));
        file.State.Keys.Should().Equal("i", "d", "a", "b");
        StateDictionary reordered = new() { { "i", 1 }, { "a", state["a"] }, { "b", state["b"] }, { "d", state["d"] } };
        StateBytes.Of(reordered).Should().Equal(StateBytes.Of(state), "the same state has the same bytes");
    }

    [Fact]
    public void The_header_is_padded_so_that_the_data_is_aligned()
    {
        for (int length = 1; length <= 8; length++)
        {
            byte[] bytes = StateBytes.Of(new() { { new string('x', length), Tensor<double>.Full([1], 3) } });
            (BitConverter.ToInt64(bytes) % 8).Should().Be(0);
            Encoding.ASCII.GetString(bytes, 8, (int)BitConverter.ToInt64(bytes)).TrimEnd(' ').Should().StartWith("{").And.EndWith("}");
        }
    }
}
