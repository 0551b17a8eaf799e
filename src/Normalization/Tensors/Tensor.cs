using System.Globalization;
using System.Numerics;
using System.Text;
using Normalization.Kernels.Machine;

namespace Normalization;

/// <summary>
/// A dense, row-major array of any rank over managed or native memory. <typeparamref name="T"/> is <see cref="float"/> or
/// <see cref="double"/>.
/// </summary>
/// <remarks>
/// A tensor is a view: <see cref="Reshape"/> and the constructors that take memory share it, <see cref="Clone"/> copies it. If you also
/// import System.Numerics.Tensors, which has a type of the same name, write <c>using Tensor = Normalization.Tensor&lt;float&gt;;</c>.
/// Concurrent reads are safe; the caller must synchronize writes. A tensor of 85,000 bytes or more that allocates its own memory begins on
/// a cache line, and layers are faster there than on arrays. The runtime moves this memory only when it compacts large objects: on request,
/// or when memory runs out. The tensor then works as before, at the speed of an array.
/// </remarks>
/// <example>
/// <code>
/// float[] data = [1, 2, 3, 4, 5, 6];
/// var matrix = new Tensor&lt;float>(data, 2, 3);   // over the array, without a copy
/// matrix[1, 2] = 7;                             // data[5] is 7 now
/// Tensor&lt;float> row = matrix.Reshape(1, -1);    // over the same memory
/// Tensor&lt;float> copy = matrix.Clone();          // over memory of its own
/// Console.WriteLine(matrix);                    // Tensor&lt;Single>[2, 3] [[1, 2, 3], [4, 5, 7]]
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed partial class Tensor<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int PrintedElements = 6;

    private readonly int[] _shape;

    /// <summary>Creates a tensor of zeros.</summary>
    /// <param name="shape">The sizes of the dimensions; none for a single element, and a size of 0 for an empty tensor.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="ArgumentException">The shape has more elements than an array can hold.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public Tensor(params ReadOnlySpan<int> shape)
        : this(RawMemory.Allocate<T>(CheckedLength(shape), isCleared: true), shape)
    {
    }

    /// <summary>Wraps an array as a tensor of one dimension, without a copy.</summary>
    /// <param name="data">The elements.</param>
    /// <exception cref="ArgumentNullException"><paramref name="data"/> is null.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public Tensor(T[] data)
        : this(data, data?.Length ?? 0)
    {
    }

    /// <summary>
    /// Wraps memory, managed or native (<see cref="NativeMemoryManager{T}"/>), as a tensor of one dimension, without a copy.
    /// </summary>
    /// <param name="data">The elements.</param>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public Tensor(Memory<T> data)
        : this(data, data.Length)
    {
    }

    /// <summary>Wraps an array, without a copy.</summary>
    /// <param name="data">The elements in row-major order.</param>
    /// <param name="shape">The sizes of the dimensions; their product is the length of <paramref name="data"/>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="data"/> is null.</exception>
    /// <exception cref="ArgumentException">The product of the sizes is not the length of <paramref name="data"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public Tensor(T[] data, params ReadOnlySpan<int> shape)
        : this((data ?? throw new ArgumentNullException(nameof(data))).AsMemory(), shape)
    {
    }

    /// <summary>Wraps memory, managed or native (<see cref="NativeMemoryManager{T}"/>), without a copy.</summary>
    /// <param name="data">The elements in row-major order.</param>
    /// <param name="shape">The sizes of the dimensions; their product is the length of <paramref name="data"/>.</param>
    /// <exception cref="ArgumentException">The product of the sizes is not the length of <paramref name="data"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public Tensor(Memory<T> data, params ReadOnlySpan<int> shape)
        : this(data, Owned(data.Length, shape))
    {
    }

    private Tensor(Memory<T> data, int[] shape)
    {
        Memory = data;
        _shape = shape;
    }

    /// <summary>Gets the sizes of the dimensions.</summary>
    public ReadOnlySpan<int> Shape => _shape;

    /// <summary>Gets the number of dimensions.</summary>
    public int Rank => _shape.Length;

    /// <summary>Gets the number of elements.</summary>
    public int Length => Memory.Length;

    /// <summary>Gets the elements in row-major order.</summary>
    public Span<T> Span => Memory.Span;

    /// <summary>Gets the memory of the elements in row-major order.</summary>
    public Memory<T> Memory { get; }

    /// <summary>Gets a reference to one element.</summary>
    /// <param name="indices">One index for each dimension.</param>
    /// <exception cref="ArgumentException">There are not as many indices as dimensions.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An index is negative or not below its dimension's size.</exception>
    public ref T this[params ReadOnlySpan<int> indices]
    {
        get
        {
            if (indices.Length != Rank)
            {
                throw new ArgumentException(
                    $"Expected {Rank} indices for the shape {Normalization.Shape.Format(_shape)}, got {indices.Length}.", nameof(indices));
            }
            int offset = 0;
            for (int i = 0; i < indices.Length; i++)
            {
                if ((uint)indices[i] >= (uint)_shape[i])
                {
                    throw new ArgumentOutOfRangeException(
                        nameof(indices), $"Index {indices[i]} of dimension {i} is outside the shape {Normalization.Shape.Format(_shape)}.");
                }
                offset = (offset * _shape[i]) + indices[i];
            }
            return ref Span[offset];
        }
    }

    /// <summary>Creates a tensor whose elements all have one value.</summary>
    /// <param name="shape">The sizes of the dimensions.</param>
    /// <param name="value">The value.</param>
    /// <returns>The new tensor.</returns>
    /// <exception cref="ArgumentException">The shape is negative or too large.</exception>
    public static Tensor<T> Full(ReadOnlySpan<int> shape, T value)
    {
        Tensor<T> result = Uninitialized(shape);
        result.Fill(value);
        return result;
    }

    /// <summary>Creates a tensor whose elements are undefined until they are written.</summary>
    /// <param name="shape">The sizes of the dimensions.</param>
    /// <returns>The new tensor.</returns>
    /// <exception cref="ArgumentException">The shape is negative or too large.</exception>
    public static Tensor<T> Uninitialized(params ReadOnlySpan<int> shape) =>
        new(RawMemory.Allocate<T>(CheckedLength(shape), isCleared: false), shape.ToArray());

    /// <summary>Creates a tensor of normally distributed values; the same seed gives the same values.</summary>
    /// <param name="shape">The sizes of the dimensions.</param>
    /// <param name="seed">The seed of the generator.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="standardDeviation">The standard deviation.</param>
    /// <returns>The new tensor.</returns>
    /// <exception cref="ArgumentException">The shape is negative or too large.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="standardDeviation"/> is negative or not a number.</exception>
    public static Tensor<T> RandomNormal(ReadOnlySpan<int> shape, int seed, double mean = 0, double standardDeviation = 1)
    {
        if (!(standardDeviation >= 0))
        {
            throw new ArgumentOutOfRangeException(
                nameof(standardDeviation), $"standardDeviation must not be negative, got {standardDeviation}.");
        }
        Tensor<T> result = Uninitialized(shape);
        var random = new Random(seed);
        foreach (ref T element in result.Span)
            element = T.CreateTruncating(mean + (standardDeviation * NextNormal(random)));
        return result;
    }

    /// <summary>Gives the same elements another shape, sharing the memory.</summary>
    /// <param name="shape">The new sizes; one of them may be -1, which stands for the size that fits.</param>
    /// <returns>A tensor over the same memory.</returns>
    /// <exception cref="ArgumentException">The shape does not have the same number of elements.</exception>
    public Tensor<T> Reshape(params ReadOnlySpan<int> shape) => new(Memory, Normalization.Shape.Infer(shape, Length));

    /// <summary>Copies the tensor into memory of its own.</summary>
    /// <returns>The copy.</returns>
    public Tensor<T> Clone()
    {
        Tensor<T> result = Uninitialized(_shape);
        Span.CopyTo(result.Span);
        return result;
    }

    /// <summary>Copies the elements to a tensor of the same shape.</summary>
    /// <param name="destination">The tensor to write.</param>
    /// <exception cref="ArgumentNullException"><paramref name="destination"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has another shape.</exception>
    public void CopyTo(Tensor<T> destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (!destination.Shape.SequenceEqual(_shape))
        {
            throw new ArgumentException(
                $"Expected a destination of shape {Normalization.Shape.Format(_shape)}, got "
                    + $"{Normalization.Shape.Format(destination._shape)}.",
                nameof(destination));
        }
        Span.CopyTo(destination.Span);
    }

    /// <summary>Sets every element to one value.</summary>
    /// <param name="value">The value.</param>
    public void Fill(T value) => Span.Fill(value);

    /// <summary>Returns the shape, the type and the first values; of a large tensor those of the first matrix.</summary>
    /// <returns>For example <c>Tensor&lt;Single&gt;[2, 2] [[1, 2], [3, 4]]</c>.</returns>
    public override string ToString()
    {
        var text = new StringBuilder($"Tensor<{typeof(T).Name}>{Normalization.Shape.Format(_shape)} ");
        Append(text, 0, 0, Length);
        return text.ToString();
    }

    private static double NextNormal(Random random)
    {
        // Marsaglia's polar method.
        while (true)
        {
            double u = (2 * random.NextDouble()) - 1, v = (2 * random.NextDouble()) - 1, square = (u * u) + (v * v);
            if (square is > 0 and < 1)
                return u * Math.Sqrt(-2 * Math.Log(square) / square);
        }
    }

    private static int CheckedLength(ReadOnlySpan<int> shape)
    {
        Guard.ElementType<T>();
        return Normalization.Shape.Length(shape);
    }

    private static int[] Owned(int length, ReadOnlySpan<int> shape)
    {
        int expected = CheckedLength(shape);
        if (expected != length)
        {
            throw new ArgumentException(
                $"The shape {Normalization.Shape.Format(shape)} has {expected} elements, but the data has {length}.", nameof(shape));
        }
        return shape.ToArray();
    }

    private void Append(StringBuilder text, int dimension, int offset, int length)
    {
        if (dimension == Rank)
        {
            text.Append(Span[offset].ToString("G6", CultureInfo.InvariantCulture));
            return;
        }
        int size = _shape[dimension], step = size == 0 ? 0 : length / size;
        // Six of each dimension would be thousands of values where there are many dimensions.
        int most = dimension < Rank - 2 && Length > PrintedElements * PrintedElements ? 1 : PrintedElements;
        text.Append('[');
        for (int i = 0; i < Math.Min(size, most); i++)
        {
            text.Append(i == 0 ? "" : ", ");
            Append(text, dimension + 1, offset + (i * step), step);
        }
        text.Append(size > most ? ", ...]" : "]");
    }
}
