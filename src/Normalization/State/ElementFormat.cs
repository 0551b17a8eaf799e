using System.Buffers.Binary;
using System.Numerics;

namespace Normalization;

/// <summary>What stored elements can become here.</summary>
internal enum ElementKind
{
    Real,
    Whole,
    Unsupported,
}

/// <summary>How the elements of a value are stored: one of the types of the safetensors format.</summary>
internal class ElementFormat(string name, int bits, ElementKind kind)
{
    public static readonly ElementFormat Single =
        new ElementFormat<float>(
            "F32", 32, ElementKind.Real, BinaryPrimitives.ReadSingleLittleEndian, BinaryPrimitives.WriteSingleLittleEndian);

    public static readonly ElementFormat Double =
        new ElementFormat<double>(
            "F64", 64, ElementKind.Real, BinaryPrimitives.ReadDoubleLittleEndian, BinaryPrimitives.WriteDoubleLittleEndian);

    public static readonly ElementFormat Int64 =
        new ElementFormat<long>(
            "I64", 64, ElementKind.Whole, BinaryPrimitives.ReadInt64LittleEndian, BinaryPrimitives.WriteInt64LittleEndian);

    // The order is that of the reference implementation, which stores the last ones first, so that all are aligned.
    private static readonly ElementFormat[] s_known =
    [
        Unsupported("BOOL", 8),
        Unsupported("F4", 4), Unsupported("F6_E2M3", 6), Unsupported("F6_E3M2", 6),
        Unsupported("U8", 8), Unsupported("I8", 8),
        Unsupported("F8_E5M2", 8), Unsupported("F8_E4M3", 8), Unsupported("F8_E8M0", 8), Unsupported("F8_E4M3FNUZ", 8),
        Unsupported("F8_E5M2FNUZ", 8),
        Unsupported("I16", 16), Unsupported("U16", 16),
        new ElementFormat<Half>("F16", 16, ElementKind.Real, BinaryPrimitives.ReadHalfLittleEndian, BinaryPrimitives.WriteHalfLittleEndian),
        // Written from double, because a double that is converted to float first would be rounded twice.
        new ElementFormat<double>("BF16", 16, ElementKind.Real, BrainFloat.Read, BrainFloat.Write),
        Unsupported("I32", 32), Unsupported("U32", 32),
        Single,
        Unsupported("C64", 64),
        Double,
        Int64,
        Unsupported("U64", 64),
    ];

    private static readonly Dictionary<string, ElementFormat> s_byName = s_known.ToDictionary(static format => format.Name);

    public string Name { get; } = name;

    public int Bits { get; } = bits;

    public ElementKind Kind { get; } = kind;

    /// <summary>The place in a file: values of a higher rank come first.</summary>
    public int Rank => Array.IndexOf(s_known, this);

    public static ElementFormat? Find(string name) => s_byName.GetValueOrDefault(name);

    public static ElementFormat Of<TValue>() =>
        typeof(TValue) == typeof(float) ? Single
        : typeof(TValue) == typeof(double) ? Double
        : Int64;

    public virtual void Decode<TValue>(ReadOnlySpan<byte> source, Span<TValue> destination)
        where TValue : unmanaged, INumberBase<TValue> => throw NotReadable();

    /// <summary>
    /// Writes all elements of a value in this format, rounded to the nearest and of two equally near ones to the even one.
    /// </summary>
    public virtual void Write(StateValue value, Stream stream) => throw NotReadable();

    /// <summary>The first finite element of a value that this format cannot hold, if there is one.</summary>
    public virtual (long Index, double Value)? FindOverflow(StateValue value) => throw NotReadable();

    public NotSupportedException NotReadable() =>
        new($"Values of the type {Name} cannot be read; F64, F32, F16, BF16 and I64 can.");

    private static ElementFormat Unsupported(string name, int bits) => new(name, bits, ElementKind.Unsupported);
}

/// <summary>A format whose elements are numbers of .NET.</summary>
internal sealed class ElementFormat<TStored>(
    string name, int bits, ElementKind kind, ElementFormat<TStored>.Reader read, ElementFormat<TStored>.Writer write)
    : ElementFormat(name, bits, kind)
    where TStored : unmanaged, INumberBase<TStored>
{
    private const int ChunkLength = 1 << 13;

    public delegate TStored Reader(ReadOnlySpan<byte> source);

    public delegate void Writer(Span<byte> destination, TStored value);

    private int Size => Bits / 8;

    public override void Decode<TValue>(ReadOnlySpan<byte> source, Span<TValue> destination)
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = TValue.CreateTruncating(read(source[(i * Size)..]));
    }

    public override void Write(StateValue value, Stream stream)
    {
        byte[] bytes = new byte[ChunkLength * Size];
        ForEachChunk<TStored>(value, (_, elements) =>
        {
            Encode(elements, bytes);
            stream.Write(bytes, 0, elements.Length * Size);
            return true;
        });
    }

    public override (long Index, double Value)? FindOverflow(StateValue value)
    {
        byte[] bytes = new byte[Size];
        (long, double)? found = null;
        ForEachChunk<double>(value, (start, elements) =>
        {
            for (int i = 0; i < elements.Length && found is null; i++)
            {
                write(bytes, TStored.CreateTruncating(elements[i]));
                if (double.IsFinite(elements[i]) && !TStored.IsFinite(read(bytes)))
                    found = (start + i, elements[i]);
            }
            return found is null;
        });
        return found;
    }

    private static void ForEachChunk<TValue>(StateValue value, Func<long, TValue[], bool> use)
        where TValue : unmanaged, INumberBase<TValue>
    {
        bool goesOn = true;
        for (long start = 0; start < value.Length && goesOn; start += ChunkLength)
        {
            var elements = new TValue[Math.Min(ChunkLength, value.Length - start)];
            value.CopyTo(start, elements.AsSpan());
            goesOn = use(start, elements);
        }
    }

    private void Encode(ReadOnlySpan<TStored> elements, Span<byte> bytes)
    {
        for (int i = 0; i < elements.Length; i++)
            write(bytes[(i * Size)..], elements[i]);
    }
}

/// <summary>The 16-bit type that is the upper half of a float.</summary>
internal static class BrainFloat
{
    public static double Read(ReadOnlySpan<byte> source) =>
        BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(source) << 16);

    public static void Write(Span<byte> destination, double value)
    {
        float single = (float)value;
        uint bits = BitConverter.SingleToUInt32Bits(single);
        if (double.IsNaN(value))
        {
            bits |= 0x40_0000;
        }
        else
        {
            // The last bit keeps whether the conversion to float rounded anything off, so that the value is rounded only once.
            if (single != value)
                bits = (Math.Abs((double)single) > Math.Abs(value) ? bits - 1 : bits) | 1;
            bits += 0x7FFF + ((bits >> 16) & 1);
        }
        BinaryPrimitives.WriteUInt16LittleEndian(destination, (ushort)(bits >> 16));
    }
}
