namespace Normalization;

/// <summary>
/// A weight as a matrix: one dimension gives the rows, and all others, in order, the columns. In memory it is [outer, rows, inner].
/// Without a dimension it is one row.
/// </summary>
internal readonly record struct UnfoldedWeight(int Outer, int Rows, int Inner)
{
    public int Columns => Outer * Inner;

    public int Length => Outer * Rows * Inner;

    /// <summary>Whether the rows lie one after another.</summary>
    public bool IsMatrix => Outer == 1;

    public static UnfoldedWeight Of(ReadOnlySpan<int> shape, int? dimension)
    {
        if (dimension is not int rows)
            return new(1, 1, Shape.Length(shape));
        if ((uint)rows >= (uint)shape.Length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(dimension), $"dimension must be one of the {shape.Length} of the weight {Shape.Format(shape)}, got {rows}.");
        }
        return new(Shape.Length(shape[..rows]), shape[rows], Shape.Length(shape[(rows + 1)..]));
    }

    /// <summary>The number of pieces of the weight that lie in one row.</summary>
    public int Blocks => Outer * Rows;

    /// <summary>The row of a block, and the column where it begins.</summary>
    public (int Row, int Column) PlaceOf(int block) => (block % Rows, block / Rows * Inner);

    /// <summary>Copies a weight to a matrix of its rows.</summary>
    public void ToMatrix<T>(ReadOnlySpan<T> weight, Span<T> matrix)
    {
        for (int block = 0; block < Blocks; block++)
            weight.Slice(block * Inner, Inner).CopyTo(matrix[Start(block)..]);
    }

    /// <summary>Copies a matrix of its rows to a weight.</summary>
    public void FromMatrix<T>(ReadOnlySpan<T> matrix, Span<T> weight)
    {
        for (int block = 0; block < Blocks; block++)
            matrix.Slice(Start(block), Inner).CopyTo(weight[(block * Inner)..]);
    }

    /// <summary>Where a block of the weight begins in the matrix.</summary>
    private int Start(int block)
    {
        (int row, int column) = PlaceOf(block);
        return (row * Columns) + column;
    }
}
