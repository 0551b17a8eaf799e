namespace Normalization;

/// <summary>Shape arithmetic, checked.</summary>
internal static class Shape
{
    /// <summary>The number of elements; a shape of no dimensions has one.</summary>
    public static int Length(ReadOnlySpan<int> shape)
    {
        long length = 1;
        bool isEmpty = false;
        foreach (int size in shape)
        {
            if (size < 0)
                throw new ArgumentOutOfRangeException(nameof(shape), $"A shape must not have negative sizes, got {Format(shape)}.");
            isEmpty |= size == 0;
        }
        if (isEmpty)
            return 0;
        foreach (int size in shape)
        {
            length *= size;
            if (length > Array.MaxLength)
            {
                throw new ArgumentException(
                    $"A tensor has at most {Array.MaxLength} elements; the shape {Format(shape)} has more.", nameof(shape));
            }
        }
        return (int)length;
    }

    /// <summary>Replaces one -1 by the size that gives <paramref name="length"/> elements.</summary>
    public static int[] Infer(ReadOnlySpan<int> shape, int length)
    {
        int[] result = shape.ToArray();
        int unknown = Array.IndexOf(result, -1);
        if (unknown >= 0)
        {
            result[unknown] = 1;
            int rest = Length(result);
            if (rest == 0 || length % rest != 0)
                throw new ArgumentException($"Cannot reshape {length} elements to {Format(shape)}.", nameof(shape));
            result[unknown] = length / rest;
        }
        if (Length(result) != length)
            throw new ArgumentException($"Cannot reshape {length} elements to {Format(shape)}.", nameof(shape));
        return result;
    }

    /// <summary>The product of the sizes from <paramref name="start"/> on; in an empty tensor it may be more than counts.</summary>
    public static int Product(ReadOnlySpan<int> shape, int start)
    {
        long product = 1;
        foreach (int size in shape[start..])
            product = Math.Min(product * size, int.MaxValue);
        return (int)product;
    }

    /// <summary>Sizes with commas between them.</summary>
    public static string List<T>(IEnumerable<T> sizes) => string.Join(", ", sizes.Select(static size => $"{size}"));

    public static string Format(ReadOnlySpan<int> shape) => $"[{List(shape.ToArray())}]";
}
