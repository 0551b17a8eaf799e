using System.Buffers.Binary;
using System.IO.Compression;
using Normalization.Training;
using Normalization.Training.Data;

namespace Normalization.Tests.Training;

public sealed class IdxReaderTests
{
    private static readonly (string Name, byte[] File)[] _badImages =
    [
        ("instead of 0x00000803", Idx([1], 5)),
        ("instead of 0x00000803", [0x0D, 0x0A, 0x00, 0x00]),
        ("announces 0 items", Idx([0, 8, 8])),
        ("announces -1 items", Idx([-1, 8, 8])),
        ("announces 2147483647 items", Idx([int.MaxValue, 8, 8])),
        ("8 x 12 pixels are not squares", Idx([1, 8, 12], new byte[96])),
        ("4 x 4 pixels are not squares", Idx([1, 4, 4], new byte[16])),
        ("10 x 10 pixels are not squares", Idx([1, 10, 10], new byte[100])),
        ("65536 x 65536 pixels are not squares", Idx([1, 65536, 65536])),
        ("goes on after the 64 bytes", Idx([1, 8, 8], new byte[65])),
    ];

    public static TheoryData<int> BadImages => [.. Enumerable.Range(0, _badImages.Length)];

    [Theory]
    [MemberData(nameof(BadImages))]
    public void A_malformed_file_of_images_is_refused(int index)
    {
        (string message, byte[] file) = _badImages[index];
        FluentActions.Invoking(() => IdxReader.ReadImages(new MemoryStream(file)))
            .Should().Throw<InvalidDataException>().WithMessage($"*{message}*");
    }

    [Fact]
    public void A_file_that_ends_early_is_refused_wherever_it_ends()
    {
        byte[] file = Idx([2, 8, 8], new byte[128]);
        for (int length = 0; length < file.Length; length++)
        {
            byte[] cut = file[..length];
            FluentActions.Invoking(() => IdxReader.ReadImages(new MemoryStream(cut))).Should().Throw<EndOfStreamException>();
        }
    }

    [Fact]
    public void A_label_beyond_nine_is_refused() =>
        FluentActions.Invoking(static () => IdxReader.ReadLabels(new MemoryStream(Idx([3], 9, 0, 10))))
            .Should().Throw<InvalidDataException>().WithMessage("label 2 is 10*");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_folder_is_read_plain_and_gzipped(bool gzipped)
    {
        using var folder = new Folder(gzipped);
        folder.Write("train", images: 3, side: 8, labels: [1, 2, 9]);
        folder.Write("t10k", images: 2, side: 8, labels: [0, 5]);
        (ImageSet train, ImageSet test) = IdxReader.ReadFolder(folder.Path);

        (train.Count, test.Count, train.Side, train.PixelCount).Should().Be((3, 2, 8, 64));
        var pixels = new Tensor<float>(1, 64);
        var labels = new int[1];
        train.CopyTo([2], pixels, labels);
        labels.Should().Equal(9);
        pixels.Span.ToArray().Should().Equal(Enumerable.Range(128, 64).Select(static pixel => pixel / 255f));
    }

    [Fact]
    public void A_folder_whose_parts_do_not_fit_is_refused_with_its_name()
    {
        using var folder = new Folder(gzipped: false);
        folder.Write("train", images: 3, side: 8, labels: [1, 2]);
        folder.Write("t10k", images: 1, side: 12, labels: [0]);
        RequireUsageError(folder.Path, "*train-images-idx3-ubyte' holds 3 images for 2 labels");
        folder.Write("train", images: 3, side: 8, labels: [1, 2, 3]);
        RequireUsageError(folder.Path, "*8 pixels wide*12");
        File.WriteAllBytes(Path.Combine(folder.Path, "train-images-idx3-ubyte"), [0x1F, 0x8B, 1, 2, 3]);
        RequireUsageError(folder.Path, "*does not hold images*");
        File.Delete(Path.Combine(folder.Path, "train-images-idx3-ubyte"));
        RequireUsageError(folder.Path, "cannot read the data*");
    }

    private static void RequireUsageError(string folder, string message) =>
        FluentActions.Invoking(() => IdxReader.ReadFolder(folder)).Should().Throw<UsageException>().WithMessage(message);

    private static byte[] Idx(int[] shape, params byte[] data)
    {
        var file = new byte[4 + 4 * shape.Length + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(file, 0x0800 + shape.Length);
        for (int i = 0; i < shape.Length; i++)
            BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(4 + 4 * i), shape[i]);

        data.CopyTo(file, 4 + 4 * shape.Length);
        return file;
    }

    /// <summary>A folder of IDX files that goes away again. Pixel i of all images of a file is i modulo 256.</summary>
    private sealed class Folder(bool gzipped) : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("idx").FullName;

        public void Write(string part, int images, int side, byte[] labels)
        {
            byte[] pixels = [.. Enumerable.Range(0, images * side * side).Select(static i => (byte)i)];
            Write($"{part}-images-idx3-ubyte", Idx([images, side, side], pixels));
            Write($"{part}-labels-idx1-ubyte", Idx([labels.Length], labels));
        }

        public void Dispose() => Directory.Delete(Path, recursive: true);

        private void Write(string name, byte[] content)
        {
            using Stream file = File.Create(System.IO.Path.Combine(Path, gzipped ? name + ".gz" : name));
            using Stream target = gzipped ? new GZipStream(file, CompressionLevel.Fastest) : file;
            target.Write(content);
        }
    }
}
