using System.Numerics;

namespace Normalization;

/// <summary>
/// One value of a state: a tensor of <see cref="float"/> or <see cref="double"/>, or whole numbers. A value is in memory or in an open
/// file. The elements of a value in a file are read when it is converted or saved.
/// </summary>
/// <remarks>A tensor and a <see cref="long"/> convert to it implicitly.</remarks>
public abstract class StateValue
{
    private const int MostShownSizes = 16;

    private readonly long[] _shape;

    private protected StateValue(ElementFormat format, long[] shape, long length) => (Format, _shape, Length) = (format, shape, length);

    /// <summary>
    /// Gets the type of the stored elements by its name in the safetensors format: F32, F64 and I64 in memory, from a file also F16
    /// and BF16, which widen when they are read, and others, which cannot be read but are saved as they are.
    /// </summary>
    public string ElementType => Format.Name;

    /// <summary>Gets the sizes of the dimensions; none for a single number.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>Gets the number of elements.</summary>
    public long Length { get; }

    internal ElementFormat Format { get; }

    /// <summary>The bytes of all elements in the format.</summary>
    internal long ByteLength => Length * Format.Bits / 8;

    /// <summary>Makes a value of a tensor, which shares its memory.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <exception cref="ArgumentNullException"><paramref name="tensor"/> is null.</exception>
    public static implicit operator StateValue(Tensor<float> tensor) => From(tensor);

    /// <summary>Makes a value of a tensor, which shares its memory.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <exception cref="ArgumentNullException"><paramref name="tensor"/> is null.</exception>
    public static implicit operator StateValue(Tensor<double> tensor) => From(tensor);

    /// <summary>Makes a value of a whole number.</summary>
    /// <param name="value">The number.</param>
    public static implicit operator StateValue(long value) => FromInt64(value);

    /// <summary>Makes a value of a tensor, which shares its memory.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="tensor">The tensor.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="tensor"/> is null.</exception>
    public static StateValue From<T>(Tensor<T> tensor)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return new MemoryValue<T>(tensor.Memory, tensor.Shape);
    }

    /// <summary>Makes a value of a single whole number.</summary>
    /// <param name="value">The number.</param>
    /// <returns>The value, whose shape has no dimensions.</returns>
    public static StateValue FromInt64(long value) => FromInt64([value]);

    /// <summary>Makes a value of whole numbers, which shares their memory.</summary>
    /// <param name="values">The numbers in row-major order.</param>
    /// <param name="shape">The sizes of the dimensions; none for a single number.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="values"/> is null.</exception>
    /// <exception cref="ArgumentException">The product of the sizes is not the number of values, or a size is negative.</exception>
    public static StateValue FromInt64(long[] values, params ReadOnlySpan<int> shape)
    {
        ArgumentNullException.ThrowIfNull(values);
        Guard.Length<long>(
            values, Normalization.Shape.Length(shape), nameof(values), $"the product of {Normalization.Shape.Format(shape)}");
        return new MemoryValue<long>(values, shape);
    }

    /// <summary>Reads the value into a new tensor; half types widen, and <see cref="double"/> rounds to <see cref="float"/>.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <returns>The tensor. NaN and infinities are kept; what is too large for <see cref="float"/> becomes infinite.</returns>
    /// <exception cref="NotSupportedException">
    /// The elements are no floating-point numbers of a type that can be read, there are more than a tensor can hold, or
    /// <typeparamref name="T"/> is neither float nor double.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read, or is shorter than it was when it was opened.</exception>
    /// <exception cref="ObjectDisposedException">The file has been disposed.</exception>
    public Tensor<T> ToTensor<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        GuardKind(ElementKind.Real, "floating-point numbers");
        Tensor<T> result = Tensor<T>.Uninitialized(Array.ConvertAll(_shape, static size => (int)size));
        CopyTo(0, result.Span);
        return result;
    }

    /// <summary>Reads a single whole number.</summary>
    /// <returns>The number.</returns>
    /// <exception cref="NotSupportedException">The value is no whole number (I64), or more than one.</exception>
    /// <exception cref="IOException">The file cannot be read, or is shorter than it was when it was opened.</exception>
    /// <exception cref="ObjectDisposedException">The file has been disposed.</exception>
    public long ToInt64() =>
        Length == 1 ? ToInt64Array()[0] : throw new NotSupportedException($"Expected a single number, got {this}.");

    /// <summary>Reads whole numbers.</summary>
    /// <returns>A new array of the numbers in row-major order.</returns>
    /// <exception cref="NotSupportedException">The elements are no whole numbers (I64), or more than an array can hold.</exception>
    /// <exception cref="IOException">The file cannot be read, or is shorter than it was when it was opened.</exception>
    /// <exception cref="ObjectDisposedException">The file has been disposed.</exception>
    public long[] ToInt64Array()
    {
        GuardKind(ElementKind.Whole, "whole numbers");
        long[] result = GC.AllocateUninitializedArray<long>((int)Length);
        CopyTo(0, result.AsSpan());
        return result;
    }

    /// <summary>Returns the type and the shape.</summary>
    /// <returns>For example <c>F32 [64]</c>.</returns>
    public override string ToString() => $"{ElementType} {FormatShape()}";

    /// <summary>Copies elements from <paramref name="start"/> on, converted; the kinds have been checked.</summary>
    internal abstract void CopyTo<TValue>(long start, Span<TValue> destination)
        where TValue : unmanaged, INumberBase<TValue>;

    /// <summary>Writes the elements in the format in which they are.</summary>
    internal abstract void Write(Stream stream);

    /// <summary>The same value in memory, however long the file stays open.</summary>
    internal StateValue Loaded() =>
        Format == ElementFormat.Single ? ToTensor<float>()
        : Format == ElementFormat.Double ? ToTensor<double>()
        : Format == ElementFormat.Int64 ? new MemoryValue<long>(ToInt64Array(), _shape)
        : LoadedBytes();

    /// <summary>The shape for a message, which a file must not be able to make long.</summary>
    internal string FormatShape() => FormatShape(_shape);

    internal static string FormatShape(long[] shape) =>
        shape.Length <= MostShownSizes
            ? $"[{Normalization.Shape.List(shape)}]"
            : $"[{Normalization.Shape.List(shape.Take(MostShownSizes))}, ...]";

    private StoredValue LoadedBytes()
    {
        if (ByteLength > Array.MaxLength)
            throw new NotSupportedException($"At most {Array.MaxLength} bytes can be loaded at once, got {this}; open the file instead.");
        using var stream = new MemoryStream((int)ByteLength);
        Write(stream);
        return new(new MemorySource(stream.GetBuffer()), new("", Format, _shape, Length, 0));
    }

    private void GuardKind(ElementKind kind, string expected)
    {
        if (Format.Kind == ElementKind.Unsupported)
            throw Format.NotReadable();
        if (Format.Kind != kind)
            throw new NotSupportedException($"Expected {expected}, got {this}.");
        if (Length > Array.MaxLength || Array.Exists(_shape, static size => size > Array.MaxLength))
            throw new NotSupportedException($"At most {Array.MaxLength} elements can be read at once, got {this}.");
    }

    private sealed class MemoryValue<TStored> : StateValue
        where TStored : unmanaged, INumberBase<TStored>
    {
        private readonly ReadOnlyMemory<TStored> _elements;

        public MemoryValue(ReadOnlyMemory<TStored> elements, ReadOnlySpan<int> shape)
            : this(elements, Array.ConvertAll(shape.ToArray(), static size => (long)size))
        {
        }

        public MemoryValue(ReadOnlyMemory<TStored> elements, long[] shape)
            : base(ElementFormat.Of<TStored>(), shape, elements.Length) => _elements = elements;

        internal override void Write(Stream stream) => Format.Write(this, stream);

        internal override void CopyTo<TValue>(long start, Span<TValue> destination)
        {
            ReadOnlySpan<TStored> source = _elements.Span.Slice((int)start, destination.Length);
            for (int i = 0; i < destination.Length; i++)
                destination[i] = TValue.CreateTruncating(source[i]);
        }
    }
}
