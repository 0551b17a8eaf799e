using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>Rows become columns. The elements are only moved, and the two places in memory share none.</summary>
internal static unsafe class Turning
{
    /// <summary>So many neighboring rows, or columns, are moved before the next: they fill whole cache lines.</summary>
    public const int Band = 16;

    /// <summary>Both strides lead from row to row.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <typeparam name="TDown">On: bands of columns go down all rows. Off: bands of rows go along all columns.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<T, TDown>(T* source, nint sourceStride, T* destination, nint destinationStride, nint rows, nint columns)
        where T : unmanaged
        where TDown : struct, IFlag
    {
        nint side = SquareBlock.SideOf<T>();
        if (side == 1 || rows < side || columns < side)
        {
            Copy(source, sourceStride, destination, destinationStride, rows, columns);
            return;
        }
        (nint across, nint along) = TDown.Value ? (columns, rows) : (rows, columns);
        for (nint band = 0; band < across; band += Band)
        {
            nint end = Math.Min(band + Band, across);
            for (nint i = 0; i < along; i += side)
            {
                // The last blocks move some elements once more.
                nint second = Math.Min(i, along - side);
                for (nint j = band; j < end; j += side)
                {
                    nint first = Math.Min(j, across - side);
                    (nint row, nint column) = TDown.Value ? (second, first) : (first, second);
                    SquareBlock.Transpose(
                        source + (row * sourceStride) + column, sourceStride,
                        destination + (column * destinationStride) + row, destinationStride);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Copy<T>(T* source, nint sourceStride, T* destination, nint destinationStride, nint rows, nint columns)
        where T : unmanaged
    {
        for (nint column = 0; column < columns; column++)
        {
            T* from = source + column, to = destination + (column * destinationStride);
            for (nint row = 0; row < rows; row++, from += sourceStride)
                to[row] = *from;
        }
    }
}
