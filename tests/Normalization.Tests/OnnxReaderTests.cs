namespace Normalization.Tests;

/// <summary>A model is not trusted: whatever its bytes are, it is read or refused, and costs no memory that it does not have.</summary>
public sealed class OnnxReaderTests
{
    public static TheoryData<string> Files => ["group18", "pytorch", "external"];

    [Theory]
    [MemberData(nameof(Files))]
    public void A_model_cut_anywhere_is_read_or_refused(string name)
    {
        byte[] bytes = OnnxModelTests.Bytes(name);
        int refused = Enumerable.Range(0, bytes.Length).Count(length => !IsRead(bytes[..length]));
        refused.Should().BeGreaterThan(bytes.Length * 9 / 10);
    }

    [Theory]
    [InlineData("group18")]
    [InlineData("external")]
    public void A_model_with_any_bit_flipped_is_read_or_refused(string name)
    {
        byte[] bytes = OnnxModelTests.Bytes(name);
        int refused = 0;
        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            refused += IsRead(bytes) ? 0 : 1;
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        refused.Should().BePositive();
    }

    [Fact]
    public void A_lie_about_a_length_is_refused_before_memory_of_that_size_is_taken()
    {
        // A graph of 2^40 bytes; an initializer of 2^30 floats without a byte.
        Refuse([0x3A, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20], "*said to have 1099511627776 bytes, but 0 are there*");
        byte[] node = [0x0A, 0x01, (byte)'x', 0x0A, 0x01, (byte)'s', .. Text(0x22, "LayerNormalization")];
        byte[] tensor = [0x08, 0x80, 0x80, 0x80, 0x80, 0x04, 0x10, 0x01, .. Text(0x42, "s")];
        byte[] model = Message(0x3A, [.. Message(0x0A, node), .. Message(0x2A, tensor)]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refuse(model, "*a constant of the shape [1073741824] has 0 bytes of F32*");
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(1 << 20);
    }

    [Fact]
    public void Every_way_to_break_the_wire_format_is_named()
    {
        Refuse([], "*it has no graph*");
        Refuse([0x3A, 0x00, 0x3A, 0x00], "*it has two graphs*");
        Refuse([0x3B], "*wire type 3*");
        Refuse([0x02, 0x00], "*has the number 0*");
        Refuse([0x38, 0x01], "*field 7 before byte 2 has the wire type 0 instead of 2*");
        Refuse([0x08], "*it ends within the field*");
        Refuse([0x0D, 1, 2, 3], "*it ends within the field*");
        Refuse([0x08, .. Enumerable.Repeat((byte)0xFF, 10), 0x01], "*has more than 10 bytes*");
        Refuse(Message(0x3A, Message(0x0A, Message(0x1A, [0xFF, 0xFE]))), "*not valid UTF-8*");
        Refuse(Message(0x3A, Message(0x0A, Message(0x1A, new byte[20_000]))), "*a name has 20000 bytes*");
        Refuse(Message(0x3A, Message(0x0A, Text(0x22, "LayerNormalization"))), "*has no input*");
        byte[] node = [0x0A, 0x01, (byte)'x', 0x0A, 0x01, (byte)'s', .. Text(0x22, "LayerNormalization")];
        byte[] scale = Message(0x2A, [0x08, 0x01, 0x10, 0x01, 0x25, 0, 0, 0x80, 0x3F, .. Text(0x42, "s")]);
        Refuse(Message(0x3A, [.. Message(0x0A, node), .. scale, .. scale]), "*s is there twice*");
        OnnxModel.Parse(Message(0x3A, [.. Message(0x0A, node), .. scale])).Normalizations.Single().State["weight"].ToTensor<float>()[0]
            .Should().Be(1, "the float is not packed");
    }

    [Fact]
    public void A_ring_of_identities_ends()
    {
        byte[] there = Message(0x0A, [.. Text(0x0A, "a"), .. Text(0x12, "b"), .. Text(0x22, "Identity")]);
        byte[] back = Message(0x0A, [.. Text(0x0A, "b"), .. Text(0x12, "a"), .. Text(0x22, "Identity")]);
        byte[] node = Message(0x0A, [.. Text(0x0A, "x"), .. Text(0x0A, "a"), .. Text(0x1A, "n"), .. Text(0x22, "RMSNormalization")]);
        OnnxModel.Parse(Message(0x3A, [.. there, .. back, .. node])).NotRead
            .Should().Equal("n (RMSNormalization) computes its input a instead of having it as a constant.");
    }

    /// <summary>Whether a model is read; no other exceptions than those of a file that is wrong, and of layers that do not fit.</summary>
    private static bool IsRead(byte[] bytes)
    {
        try
        {
            OnnxModel model = OnnxModel.Parse(bytes);
            foreach (OnnxNormalization normalization in model.Normalizations)
            {
                try
                {
                    normalization.CreateLayer<float>(4, 4);
                }
                catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
                {
                }
            }
            return model.ToString().Length > 0;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private static void Refuse(byte[] bytes, string message) =>
        FluentActions.Invoking(() => OnnxModel.Parse(bytes)).Should().Throw<InvalidDataException>().WithMessage(message);

    private static byte[] Text(byte key, string text) => Message(key, System.Text.Encoding.ASCII.GetBytes(text));

    /// <summary>A field of bytes, whose length stands in one byte or two to three.</summary>
    private static byte[] Message(byte key, byte[] content)
    {
        List<byte> length = [];
        for (int rest = content.Length; ; rest >>= 7)
        {
            length.Add((byte)(rest < 0x80 ? rest : rest | 0x80));
            if (rest < 0x80)
                return [key, .. length, .. content];
        }
    }
}
