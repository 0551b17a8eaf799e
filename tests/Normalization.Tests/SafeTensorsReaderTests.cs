using System.Text;

namespace Normalization.Tests;

/// <summary>A file is not trusted: every way in which it can lie, and what the message says.</summary>
public sealed class SafeTensorsReaderTests
{
    private static readonly (string Header, int Data, string Expected)[] _invalid =
    [
        ("", 0, "*does not begin with {*"),
        (" {}", 0, "*does not begin with {*"),
        ("[]", 0, "*does not begin with {*"),
        ("{", 0, "*not valid JSON*"),
        ("{}x", 0, "*not valid JSON*"),
        ("{}{}", 0, "*not valid JSON*"),
        ("{/**/}", 0, "*not valid JSON*"),
        ("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},}""", 4, "*not valid JSON*"),
        ("""{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}""", 4, "*not valid JSON*"),
        ("""{"a":{"shape":[[1]]}}""", 4, "*not valid JSON*depth*"),
        ("""{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "*not valid Unicode*"),
        ("""{"a":[]}""", 0, "*a is not described by an object*"),
        ("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}""", 4, "*a is there twice*"),
        ("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0061":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}""", 4, "*a is there twice*"),
        ("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"shape":[1]}}""", 4, "*a has the field shape twice*"),
        ("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}""", 4, "*a has the field more*should not*"),
        ("""{"a":{"dtype":"F32","shape":[1]}}""", 4, "*a lacks dtype, shape or data_offsets*"),
        ("""{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}""", 4, "*unknown dtype F33*"),
        ("""{"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}""", 4, "*unknown dtype f32*"),
        ("""{"a":{"dtype":32,"shape":[1],"data_offsets":[0,4]}}""", 4, "*unknown dtype*"),
        ("""{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}""", 4, "*shape of a is not an array*"),
        ("""{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}""", 4, "*shape of a*integers*"),
        ("""{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}""", 4, "*shape of a*integers*"),
        ("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "*shape of a*integers*"),
        ("""{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}""", 4, "*shape of a*integers*"),
        ("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[-0,4]}}""", 4, "*data_offsets of a*integers*"),
        ("""{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}}""", 4, "*shape of a*integers*"),
        ("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}""", 4, "*shape of a*2^63*"),
        ("""{"a":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}""", 0, "*shape of a*2^63*"),
        ("""{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}""", 0, "*a has 0 bytes, which do not fit*"),
        ("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""", 8, "*a has data_offsets*"),
        ("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "*a has data_offsets*"),
        ("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "*a has 4 bytes, which do not fit*"),
        ("""{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}""", 1, "*a has 1 bytes, which do not fit*"),
        ("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "*b begins at byte 0*overlap*"),
        ("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "*b begins at byte 4*overlap*"),
        ("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}""", 8, "*b begins at byte 4*overlap*"),
        ("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "*a begins at byte 4*gap*"),
        ("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5, "*the values have 4 bytes, but 5 follow*"),
        ("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 3, "*the values have 4 bytes, but 3 follow*"),
        ("{}", 1, "*the values have 0 bytes, but 1 follow*"),
        ("""{"__metadata__":{"a":1}}""", 0, "*a in __metadata__ is not a string*"),
        ("""{"__metadata__":null}""", 0, "*__metadata__ is not described by an object*"),
        ("""{"__metadata__":{"a":"b","a":"b"}}""", 0, "*a is there twice in __metadata__*"),
        ("""{"__metadata__":{"a":"b"},"__metadata__":{}}""", 0, "*__metadata__ is there twice*"),
    ];

    public static TheoryData<int> Invalid => [.. Enumerable.Range(0, _invalid.Length)];

    [Theory]
    [MemberData(nameof(Invalid))]
    public void A_lie_in_the_header_is_refused_and_named(int index)
    {
        (string header, int data, string expected) = _invalid[index];
        Refuse(StateBytes.File(header, data), expected);
    }

    [Fact]
    public void The_length_of_the_header_is_believed_only_as_far_as_there_are_bytes()
    {
        Refuse([], "*has 0 bytes*");
        Refuse([1, 0, 0, 0, 0, 0, 0], "*has 7 bytes*");
        foreach (ulong length in (ulong[])[3, 1UL << 20, 1UL << 31, 1UL << 63, ulong.MaxValue])
            Refuse([.. BitConverter.GetBytes(length), (byte)'{', (byte)'}'], $"*said to have {length} bytes, but 2 are there*");
    }

    [Fact]
    public void A_lie_about_a_size_costs_no_memory()
    {
        byte[] bytes = StateBytes.File("""{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}""", 4);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refuse(bytes, "*the values have 4000000000 bytes, but 4 follow*");
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(1 << 20);
    }

    [Fact]
    public void A_longer_header_than_the_limit_has_to_be_asked_for()
    {
        byte[] bytes = StateBytes.File("{}" + new string(' ', SafeTensorsFile.DefaultHeaderLimit - 1));
        Refuse(bytes, "*at most 1048576 are accepted; a higher headerLimit*");
        SafeTensorsFile.Parse(bytes, SafeTensorsFile.MaxHeaderLimit).State.Should().BeEmpty();
        SafeTensorsFile.Parse(bytes, SafeTensorsFile.DefaultHeaderLimit + 1).State.Should().BeEmpty();
        foreach (int limit in (int[])[0, -1, SafeTensorsFile.MaxHeaderLimit + 1])
        {
            FluentActions.Invoking(() => SafeTensorsFile.Parse(bytes, limit)).Should().Throw<ArgumentOutOfRangeException>();
            FluentActions.Invoking(() => SafeTensorsFile.Open("missing", limit)).Should().Throw<ArgumentOutOfRangeException>();
        }
    }

    [Fact]
    public void Text_that_is_not_UTF_8_is_refused()
    {
        byte[] header = Encoding.Latin1.GetBytes("""{"é":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""");
        Refuse(StateBytes.File(header, 4), "*not valid UTF-8*");
    }

    [Fact]
    public void A_message_shows_a_strange_name_without_its_control_characters()
    {
        string name = "\\u001b[31m" + new string('x', 1000);
        Refuse(StateBytes.File($$$"""{"{{{name}}}":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}""", 4), @"*\u001B[31mxxx*xxx... has the unknown dtype F33*");
    }

    [Fact]
    public void What_the_format_allows_is_read()
    {
        const string Header = """
            { "b" : {"data_offsets":[4,12], "shape":[], "dtype":"F64"}, "":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
            	"e":{"dtype":"I64","shape":[3,0,2],"data_offsets":[12,12]}, "n\u0000\ud83d\ude00":{"dtype":"I64","shape":[0],"data_offsets":[0,0]} }
            """;
        using SafeTensorsFile file = SafeTensorsFile.Parse(StateBytes.File(Header + "  \n", 12));
        file.State.Keys.Should().Equal("b", "", "e", "n\0😀");
        file.State["b"].ToTensor<float>().Rank.Should().Be(0);
        file.State["e"].ToInt64Array().Should().BeEmpty();
        file.State["e"].Shape.ToArray().Should().Equal(3, 0, 2);
        file.Metadata.Should().BeEmpty();
    }

    [Fact]
    public void A_tensor_too_wide_for_an_array_is_not_read_but_its_file_is_opened()
    {
        using SafeTensorsFile file = SafeTensorsFile.Parse(StateBytes.File("""{"a":{"dtype":"F32","shape":[4294967296,0],"data_offsets":[0,0]}}"""));
        FluentActions.Invoking(() => file.State["a"].ToTensor<float>()).Should().Throw<NotSupportedException>().WithMessage("At most * elements*");
    }

    [Fact]
    public void A_shape_of_a_thousand_dimensions_is_read_and_shown_in_one_line()
    {
        using SafeTensorsFile file = SafeTensorsFile.Parse(StateBytes.File($$$"""{"a":{"dtype":"F32","shape":[{{{string.Join(',', Enumerable.Repeat(1, 1000))}}}],"data_offsets":[0,4]}}""", 4));
        file.State["a"].ToTensor<float>().Rank.Should().Be(1000);
        file.State["a"].ToString().Should().Be("F32 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ...]");
    }

    [Fact]
    public void A_value_is_read_alone_from_a_file_larger_than_anybody_reads()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A file with a hole takes no space elsewhere.");
        using var folder = new TemporaryFolder();
        const long Large = 1L << 36;
        string header = $$$"""{"large":{"dtype":"F64","shape":[{{{Large / 8}}}],"data_offsets":[0,{{{Large}}}]},"small":{"dtype":"F32","shape":[2],"data_offsets":[{{{Large}}},{{{Large + 8}}}]}}""";
        using (FileStream stream = File.Create(folder["sparse"]))
        {
            byte[] start = StateBytes.File(header);
            stream.Write(start);
            stream.SetLength(start.Length + Large);
            stream.Seek(0, SeekOrigin.End);
            stream.Write([0, 0, 128, 63, 0, 0, 0, 64]);
        }
        using SafeTensorsFile file = SafeTensorsFile.Open(folder["sparse"]);
        file.State["small"].ToTensor<float>().Span.ToArray().Should().Equal(1, 2);
        FluentActions.Invoking(() => file.State["large"].ToTensor<double>()).Should().Throw<NotSupportedException>().WithMessage("At most *F64 [8589934592]*");
    }

    [Fact]
    public void Long_values_are_read_across_chunks_and_by_threads_at_once()
    {
        using var folder = new TemporaryFolder();
        Tensor<double> expected = Tensor<double>.RandomNormal([7, 12_345], 1);
        SafeTensorsFile.Save(folder["long"], new() { { "float", Tensor<float>.Full([20_000], 3) }, { "double", expected } });
        using SafeTensorsFile file = SafeTensorsFile.Open(folder["long"]);
        Parallel.For(0, 8, _ =>
        {
            file.State["double"].ToTensor<double>().Span.SequenceEqual(expected.Span).Should().BeTrue();
            file.State["float"].ToTensor<float>().Span.IndexOfAnyExcept(3).Should().Be(-1);
        });
    }

    [Fact]
    public void A_file_that_is_closed_or_cut_off_later_is_not_read()
    {
        using var folder = new TemporaryFolder();
        SafeTensorsFile.Save(folder["a"], new() { { "weight", Tensor<float>.Full([1000], 1) } });
        SafeTensorsFile file = SafeTensorsFile.Open(folder["a"]);
        if (!OperatingSystem.IsWindows())
        {
            using (FileStream stream = File.Open(folder["a"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
                stream.SetLength(500);
            var layer = new RmsNorm<float>(1000);
            layer.Weight!.Value.Fill(5);
            FluentActions.Invoking(() => layer.LoadState(file.State)).Should().Throw<EndOfStreamException>().WithMessage("*has become shorter*");
            layer.Weight.Value.Span.ToArray().Should().OnlyContain(static value => value == 5);
        }
        file.Dispose();
        FluentActions.Invoking(() => file.State["weight"].ToTensor<float>()).Should().Throw<ObjectDisposedException>();
        SafeTensorsFile memory = SafeTensorsFile.Parse(StateBytes.Of(new() { { "weight", 3 } }));
        memory.Dispose();
        FluentActions.Invoking(() => memory.State["weight"].ToInt64()).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void A_file_that_is_refused_is_closed_and_named()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["broken"], [1, 2, 3]);
        FluentActions.Invoking(() => SafeTensorsFile.Open(folder["broken"])).Should().Throw<InvalidDataException>().WithMessage("*broken is not a valid safetensors file*");
        File.Open(folder["broken"], FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
        FluentActions.Invoking(() => SafeTensorsFile.Open(folder["missing"])).Should().Throw<FileNotFoundException>();
        FluentActions.Invoking(static () => SafeTensorsFile.Open("")).Should().Throw<ArgumentException>();
    }

    private static void Refuse(byte[] bytes, string expected) =>
        FluentActions.Invoking(() => SafeTensorsFile.Parse(bytes)).Should().Throw<InvalidDataException>().WithMessage(expected);
}
