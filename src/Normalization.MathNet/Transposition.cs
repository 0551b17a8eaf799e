using System.Buffers;

namespace Normalization.MathNet;

/// <summary>From rows one after another to columns one after another.</summary>
internal static class Transposition
{
    // 16 rows of 16 elements: what is read and what is written fit the first-level cache together.
    private const int Block = 16;

    /// <summary>Writes element (i, j) of <paramref name="rows"/> rows of the source as element (j, i).</summary>
    public static void Run<T>(ReadOnlySpan<T> source, Span<T> destination, int rows, int columns)
    {
        for (int top = 0; top < rows; top += Block)
        {
            int bottom = Math.Min(top + Block, rows);
            for (int left = 0; left < columns; left += Block)
            {
                int right = Math.Min(left + Block, columns);
                for (int i = top; i < bottom; i++)
                {
                    for (int j = left; j < right; j++)
                        destination[(j * rows) + i] = source[(i * columns) + j];
                }
            }
        }
    }
}

/// <summary>Pooled memory for the samples of a matrix, one after another.</summary>
internal readonly ref struct Samples<T>(int length) : IDisposable
    where T : unmanaged
{
    private readonly T[] _array = ArrayPool<T>.Shared.Rent(length);

    public Span<T> Span => _array.AsSpan(0, length);

    public void Dispose() => ArrayPool<T>.Shared.Return(_array);
}
