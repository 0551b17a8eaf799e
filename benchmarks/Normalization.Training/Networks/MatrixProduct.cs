using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Normalization.Training.Networks;

/// <summary>Products of row-major matrices. C is [rows, columns], the shared length is <c>inner</c>.</summary>
/// <remarks>Every element of C is a sum of rounded products in one order that the sizes alone fix: the same bits on every
/// machine.</remarks>
internal static class MatrixProduct
{
    private const int BlockRows = 4;
    private const int PanelWidth = 16;
    private const int PanelHeight = 512;

    [ThreadStatic]
    private static float[]? _panel;

    /// <summary>Writes C = A·B, or adds it to C; A is read transposed on request.</summary>
    public static void Multiply(
        Tensor<float> a, Tensor<float> b, Tensor<float> c, int rows, int inner, int columns, bool transposeA = false, bool add = false) =>
        Multiply(transposeA ? new(a, 1, rows) : new(a, inner, 1), new(b, columns, 1), c, rows, inner, columns, add);

    /// <summary>Writes C = A·Bᵀ, or adds it to C.</summary>
    public static void MultiplyByTransposed(
        Tensor<float> a, Tensor<float> b, Tensor<float> c, int rows, int inner, int columns, bool add = false) =>
        Multiply(new(a, inner, 1), new(b, 1, inner), c, rows, inner, columns, add);

    private static void Multiply(Strided a, Strided b, Tensor<float> c, int rows, int inner, int columns, bool add)
    {
        Span<float> panel = _panel ??= new float[PanelHeight * PanelWidth];
        Span<float> block = stackalloc float[BlockRows * PanelWidth];
        for (int k = 0; k < inner; k += PanelHeight)
        {
            int height = Math.Min(PanelHeight, inner - k);
            for (int j = 0; j < columns; j += PanelWidth)
            {
                int width = Math.Min(PanelWidth, columns - j);
                b.Pack(k, j, height, width, panel);
                for (int i = 0; i < rows; i += BlockRows)
                {
                    MultiplyBlock(a, i, rows - 1, k, height, panel, block);
                    for (int row = i; row < Math.Min(i + BlockRows, rows); row++)
                        Store(block.Slice((row - i) * PanelWidth, width), c.Span.Slice(row * columns + j, width), add || k > 0);
                }
            }
        }
    }

    private static void Store(ReadOnlySpan<float> sums, Span<float> result, bool add)
    {
        for (int i = 0; i < sums.Length; i++)
            result[i] = add ? result[i] + sums[i] : sums[i];
    }

    /// <summary>Four rows of A times a panel of B; rows after the last one repeat it.</summary>
    private static void MultiplyBlock(
        Strided a, int row, int lastRow, int first, int height, ReadOnlySpan<float> panel, Span<float> block)
    {
        ReadOnlySpan<float> values = a.Tensor.Span;
        ref float row0 = ref a.At(values, row, first, height);
        ref float row1 = ref a.At(values, Math.Min(row + 1, lastRow), first, height);
        ref float row2 = ref a.At(values, Math.Min(row + 2, lastRow), first, height);
        ref float row3 = ref a.At(values, Math.Min(row + 3, lastRow), first, height);
        ref float packed = ref MemoryMarshal.GetReference(panel);
        Vector256<float> left0 = default, left1 = default, left2 = default, left3 = default;
        Vector256<float> right0 = default, right1 = default, right2 = default, right3 = default;
        for (int k = 0; k < height; k++)
        {
            Vector256<float> left = Vector256.LoadUnsafe(ref packed, (nuint)(k * PanelWidth));
            Vector256<float> right = Vector256.LoadUnsafe(ref packed, (nuint)(k * PanelWidth + Vector256<float>.Count));
            int offset = k * a.InnerStride;
            Add(Unsafe.Add(ref row0, offset), left, right, ref left0, ref right0);
            Add(Unsafe.Add(ref row1, offset), left, right, ref left1, ref right1);
            Add(Unsafe.Add(ref row2, offset), left, right, ref left2, ref right2);
            Add(Unsafe.Add(ref row3, offset), left, right, ref left3, ref right3);
        }

        Save(block, left0, right0);
        Save(block[PanelWidth..], left1, right1);
        Save(block[(2 * PanelWidth)..], left2, right2);
        Save(block[(3 * PanelWidth)..], left3, right3);
    }

    // Not fused: machines without fused instructions have to give the same bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(
        float factor, Vector256<float> left, Vector256<float> right, ref Vector256<float> leftSum, ref Vector256<float> rightSum)
    {
        leftSum += left * factor;
        rightSum += right * factor;
    }

    private static void Save(Span<float> row, Vector256<float> left, Vector256<float> right)
    {
        left.CopyTo(row);
        right.CopyTo(row[Vector256<float>.Count..]);
    }

    /// <summary>A matrix by the distances between its rows and between the elements of a row.</summary>
    private readonly record struct Strided(Tensor<float> Tensor, int RowStride, int InnerStride)
    {
        /// <summary>The start of a stretch of a row, whose end lies inside too.</summary>
        public ref float At(ReadOnlySpan<float> values, int row, int first, int count)
        {
            int start = row * RowStride + first * InnerStride;
            return ref MemoryMarshal.GetReference(values.Slice(start, (count - 1) * InnerStride + 1));
        }

        /// <summary>Copies a part of the matrix into rows of 16, filled up with zeros.</summary>
        public void Pack(int row, int column, int height, int width, Span<float> panel)
        {
            ReadOnlySpan<float> values = Tensor.Span;
            for (int k = 0; k < height; k++)
            {
                Span<float> packed = panel.Slice(k * PanelWidth, PanelWidth);
                ReadOnlySpan<float> source = values[((row + k) * RowStride + column * InnerStride)..];
                if (InnerStride == 1)
                {
                    source[..width].CopyTo(packed);
                }
                else
                {
                    for (int j = 0; j < width; j++)
                        packed[j] = source[j * InnerStride];
                }

                packed[width..].Clear();
            }
        }
    }
}
