using System.Buffers.Binary;
using Normalization.PublicApi.Tests;

namespace Normalization.Tests;

/// <summary>A checkpoint passes through: its norms change, and every other byte is what it was.</summary>
public sealed class SafeTensorsChangesTests
{
    private static readonly string[] _types =
        ["BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I16", "U16",
            "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64"];

    public static TheoryData<string> Types => [.. _types];

    [Theory]
    [MemberData(nameof(Types))]
    public void A_value_of_any_type_is_loaded_and_saved_with_its_bytes(string type)
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = Of(type, [.. Enumerable.Range(0x81, 24).Select(static value => (byte)value)]);
        File.WriteAllBytes(folder["model"], bytes);
        StateDictionary state = SafeTensorsFile.Load(folder["model"]);
        state["a"].ElementType.Should().Be(type);
        StateBytes.Of(state).Should().Equal(bytes);
        using SafeTensorsFile file = SafeTensorsFile.Open(folder["model"]);
        SafeTensorsFile.Save(folder["other"], file.State);
        File.ReadAllBytes(folder["other"]).Should().Equal(bytes);
    }

    [Fact]
    public void Without_a_change_every_byte_of_a_strange_file_is_the_same()
    {
        using var folder = new TemporaryFolder();
        foreach (string golden in (string[])["half_types", "pytorch_model", "without_count"])
        {
            string path = Path.Combine(Repository.Root, "tests", "Normalization.Tests", "Golden", $"{golden}.safetensors");
            using SafeTensorsFile file = SafeTensorsFile.Open(path);
            file.SaveChanged(folder["copy"], []);
            File.ReadAllBytes(folder["copy"]).Should().Equal(File.ReadAllBytes(path));
        }
        using SafeTensorsFile empty = SafeTensorsFile.Parse(StateBytes.File("""{"__metadata__":{"a":"b"}}  """));
        empty.SaveChanged(folder["copy"], []);
        File.ReadAllBytes(folder["copy"]).Should().Equal(StateBytes.File("""{"__metadata__":{"a":"b"}}  """));
    }

    [Fact]
    public void The_norms_of_a_half_precision_checkpoint_change_and_nothing_else_does()
    {
        using var folder = new TemporaryFolder();
        const string Header = """
            {"lm.mask":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]},"lm.norm.weight":{"dtype":"F16","shape":[2],"data_offsets":[3,7]},
            "lm.ids":{"dtype":"I32","shape":[1],"data_offsets":[7,11]},
            "lm.other.weight":{"dtype":"BF16","shape":[2],"data_offsets":[11,15]}}
            """;
        byte[] before = [.. StateBytes.File(Header), 1, 0, 1, 0x00, 0x3C, 0x00, 0xC0, 9, 8, 7, 6, 0x80, 0x3F, 0x01, 0x40];
        File.WriteAllBytes(folder["model"], before);
        var model = new LayerDictionary<float> { { "norm", new RmsNorm<float>(2) }, { "other", new RmsNorm<float>(2) } };
        using SafeTensorsFile file = SafeTensorsFile.Open(folder["model"]);
        model.LoadState(file.State, "lm");
        model["norm"].Weight!.Value[1].Should().Be(-2);
        model.Save(folder["same"], file, "lm");
        File.ReadAllBytes(folder["same"]).Should().Equal(before, "a half that was not changed has its bits again");
        model["norm"].Weight!.Value[1] = 1.5f;
        model.Save(folder["model"], file, "lm.");
        byte[] expected = [.. before];
        expected[^10] = 0x00;
        expected[^9] = 0x3E;
        File.ReadAllBytes(folder["model"]).Should().Equal(expected);
    }

    [Theory]
    [InlineData("F16", 1 + 1.0 / 2048, 0x3C00)]
    [InlineData("F16", 1 + (3.0 / 2048), 0x3C02)]
    [InlineData("F16", 1 + 1.0 / 2048 + 1.0 / (1L << 40), 0x3C01)]
    [InlineData("F16", 65519.99, 0x7BFF)]
    [InlineData("F16", -1.0 / (1L << 25), 0x8000)]
    [InlineData("BF16", 1 + 1.0 / 256, 0x3F80)]
    [InlineData("BF16", 1 + (3.0 / 256), 0x3F82)]
    [InlineData("BF16", 1 + 1.0 / 256 + 1.0 / (1L << 40), 0x3F81)]
    [InlineData("BF16", -1 - 1.0 / 256 - 1.0 / (1L << 40), 0xBF81)]
    [InlineData("BF16", 1 + 1.0 / 256 - 1.0 / (1L << 40), 0x3F80)]
    [InlineData("BF16", 1e-300, 0x0000)]
    [InlineData("BF16", 3.3895e38, 0x7F7F)]
    public void Half_types_are_rounded_once_to_the_nearest_and_to_even(string type, double value, int expected)
    {
        BinaryPrimitives.ReadUInt16LittleEndian(Changed(type, new Tensor<double>([value], 1)).AsSpan(^2)).Should().Be((ushort)expected);
    }

    [Theory]
    [InlineData("F16")]
    [InlineData("BF16")]
    public void All_numbers_of_a_half_type_are_written_as_they_were_read(string type)
    {
        byte[] data = [.. Enumerable.Range(0, 1 << 16).SelectMany(static bits => BitConverter.GetBytes((ushort)bits))];
        using var folder = new TemporaryFolder();
        byte[] bytes = [.. StateBytes.File($$$"""{"a":{"dtype":"{{{type}}}","shape":[65536],"data_offsets":[0,131072]}}"""), .. data];
        using SafeTensorsFile file = SafeTensorsFile.Parse(bytes);
        Tensor<float> single = file.State["a"].ToTensor<float>();
        file.SaveChanged(folder["model"], new() { { "a", single } });
        byte[] written = File.ReadAllBytes(folder["model"])[^data.Length..];
        for (int i = 0; i < single.Length; i++)
        {
            if (!float.IsNaN(single[i]))
                BitConverter.ToUInt16(written, 2 * i).Should().Be((ushort)i);
        }
        using SafeTensorsFile again = SafeTensorsFile.Open(folder["model"]);
        again.State["a"].ToTensor<float>().Span.ToArray().Count(float.IsNaN).Should().Be(single.Span.ToArray().Count(float.IsNaN))
            .And.BePositive();
    }

    [Theory]
    [InlineData("F16", 65520)]
    [InlineData("BF16", 3.4e38)]
    [InlineData("F32", -1e39)]
    public void A_number_that_the_type_in_the_file_cannot_hold_is_named_and_nothing_is_written(string type, double value)
    {
        using var folder = new TemporaryFolder();
        using SafeTensorsFile file = SafeTensorsFile.Parse(Of(type, new byte[3 * (type == "F32" ? 4 : 2)]));
        FluentActions.Invoking(() => file.SaveChanged(folder["model"], new() { { "a", new Tensor<double>([1, value, 2], 3) } })).Should()
            .Throw<ArgumentException>().WithMessage($"*nothing was written*a: element 1 is *, which does not fit {type}*");
        folder.Files.Should().BeEmpty();
    }

    [Fact]
    public void What_does_not_fit_the_file_is_named_and_nothing_is_written()
    {
        using var folder = new TemporaryFolder();
        using SafeTensorsFile file = SafeTensorsFile.Parse(Of("I32", new byte[8]));
        Tensor<float> two = new(2), three = new(3);
        Refuse(new() { { "b", two }, { "a", three } }, "*b: the file has no such key*a: expected shape [2], got [3]*");
        Refuse(new() { { "a", two } }, "*a: F32 cannot take the place of I32*");
        Refuse(null!, "*changes*");
        var model = new LayerDictionary<float> { { "norm", new BatchNorm1d<float>(2) } };
        FluentActions.Invoking(() => model.Save(folder["model"], file)).Should().Throw<ArgumentException>()
            .WithMessage("*norm.weight: the file has no such key*").Which.Message.Should().NotContain("num_batches_tracked");
        FluentActions.Invoking(() => model.Save(folder["model"], (SafeTensorsFile)null!)).Should().Throw<ArgumentNullException>();
        folder.Files.Should().BeEmpty();

        void Refuse(StateDictionary changes, string message) =>
            FluentActions.Invoking(() => file.SaveChanged(folder["model"], changes)).Should().Throw<ArgumentException>()
                .WithMessage(message);
    }

    [Fact]
    public void A_value_of_a_type_that_cannot_be_read_takes_the_place_of_one_of_its_type()
    {
        using var folder = new TemporaryFolder();
        using SafeTensorsFile file = SafeTensorsFile.Parse(Of("I32", new byte[8]));
        using SafeTensorsFile other = SafeTensorsFile.Parse(Of("I32", [1, 2, 3, 4, 5, 6, 7, 8]));
        file.SaveChanged(folder["model"], other.State);
        File.ReadAllBytes(folder["model"]).Should().Equal(Of("I32", [1, 2, 3, 4, 5, 6, 7, 8]));
    }

    private static byte[] Changed(string type, StateValue value)
    {
        using var folder = new TemporaryFolder();
        using SafeTensorsFile file = SafeTensorsFile.Parse(Of(type, new byte[2]));
        file.SaveChanged(folder["model"], new() { { "a", value } });
        return File.ReadAllBytes(folder["model"]);
    }

    /// <summary>A file of one value, padded as ours are.</summary>
    private static byte[] Of(string type, byte[] data)
    {
        int bits = type switch
        {
            "F4" => 4,
            "F6_E2M3" or "F6_E3M2" => 6,
            "I16" or "U16" or "F16" or "BF16" => 16,
            "I32" or "U32" or "F32" => 32,
            "C64" or "F64" or "I64" or "U64" => 64,
            _ => 8,
        };
        string header = $$$"""{"a":{"dtype":"{{{type}}}","shape":[{{{data.Length * 8 / bits}}}],"data_offsets":[0,{{{data.Length}}}]}}""";
        return [.. StateBytes.File(header.PadRight((header.Length + 7) / 8 * 8)), .. data];
    }
}
