using System.Buffers.Binary;

namespace Normalization.Training.Data;

/// <summary>Reads the IDX files of MNIST and the sets that share its form, such as Fashion-MNIST, gzipped or not.</summary>
/// <remarks>A file is a magic number, the length of each dimension, all big-endian in 4 bytes, and the bytes of the data.</remarks>
internal static class IdxReader
{
    private const int Magic = 0x0800;
    private const int MostItems = 100_000;
    private const int SmallestSide = 8;
    private const int LargestSide = 64;

    /// <summary>Reads both parts of a set from a folder.</summary>
    public static (ImageSet Train, ImageSet Test) ReadFolder(string folder)
    {
        (ImageSet train, ImageSet test) = (ReadPart(folder, "train"), ReadPart(folder, "t10k"));
        return train.Side == test.Side
            ? (train, test)
            : throw new UsageException($"the images to train on in '{folder}' are {train.Side} pixels wide, those to test on {test.Side}");
    }

    public static (byte[] Pixels, int Side) ReadImages(Stream stream)
    {
        int[] shape = ReadShape(stream, dimensions: 3);
        (int count, int height, int width) = (shape[0], shape[1], shape[2]);
        if (height != width || height is < SmallestSide or > LargestSide || height % 4 != 0)
        {
            throw new InvalidDataException(
                $"images of {height} x {width} pixels are not squares with a side from {SmallestSide} to {LargestSide}, a multiple of 4");
        }

        return (ReadToEnd(stream, count * height * width), height);
    }

    public static int[] ReadLabels(Stream stream)
    {
        byte[] labels = ReadToEnd(stream, ReadShape(stream, dimensions: 1)[0]);
        int wrong = labels.AsSpan().IndexOfAnyExceptInRange((byte)0, (byte)(ImageSet.ClassCount - 1));
        return wrong < 0
            ? Array.ConvertAll(labels, label => (int)label)
            : throw new InvalidDataException($"label {wrong} is {labels[wrong]} and not from 0 to {ImageSet.ClassCount - 1}");
    }

    private static ImageSet ReadPart(string folder, string part)
    {
        string path = FileOf(folder, $"{part}-images-idx3-ubyte");
        (byte[] pixels, int side) = DataFile.Read(path, "images in IDX form", ReadImages);
        int[] labels = DataFile.Read(FileOf(folder, $"{part}-labels-idx1-ubyte"), "labels in IDX form", ReadLabels);
        return pixels.Length == labels.Length * side * side
            ? new ImageSet(Array.ConvertAll(pixels, pixel => pixel / 255f), labels, side)
            : throw new UsageException($"'{path}' holds {pixels.Length / (side * side)} images for {labels.Length} labels");
    }

    private static string FileOf(string folder, string name)
    {
        string plain = Path.Combine(folder, name);
        return File.Exists(plain) ? plain : plain + ".gz";
    }

    private static int[] ReadShape(Stream stream, int dimensions)
    {
        int magic = ReadInt32(stream);
        if (magic != Magic + dimensions)
        {
            throw new InvalidDataException($"it starts with 0x{magic:X8} instead of 0x{Magic + dimensions:X8}");
        }

        var shape = new int[dimensions];
        for (int i = 0; i < dimensions; i++)
            shape[i] = ReadInt32(stream);

        return shape[0] is > 0 and <= MostItems
            ? shape
            : throw new InvalidDataException($"it announces {shape[0]} items, from 1 to {MostItems} are read");
    }

    private static int ReadInt32(Stream stream)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        stream.ReadExactly(bytes);
        return BinaryPrimitives.ReadInt32BigEndian(bytes);
    }

    private static byte[] ReadToEnd(Stream stream, int length)
    {
        var bytes = new byte[length];
        stream.ReadExactly(bytes);
        return stream.ReadByte() < 0 ? bytes : throw new InvalidDataException($"it goes on after the {length} bytes that it announces");
    }
}
