using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>Σ dy and Σ dy · x̂ of each column: of a few rows in float, scaled down, and of the rows before them in double.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ParameterSums<T>(double* sums, double* products, T* floatSums, T* floatProducts) where T : unmanaged
{
    // Products lie half a page from their sums, because loads wait for stores to the same offset of another page.
    private const nint Page = 4096;

    public readonly double* Sums = sums;
    public readonly double* Products = products;
    public readonly T* FloatSums = floatSums;
    public readonly T* FloatProducts = floatProducts;

    /// <summary>How many doubles hold the sums in float of so many columns.</summary>
    public static nint Room(nint columns) => typeof(T) == typeof(float) ? Step(columns) : 0;

    /// <summary>Sums in double that become zeros, and sums in float that are zeros already, each with room for so many columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ParameterSums<T> Begin(double* doubles, double* floats, nint columns)
    {
        new Span<double>(doubles, (int)(2 * columns)).Clear();
        return new(doubles, doubles + columns, (T*)floats, (T*)floats + Step(columns));
    }

    /// <summary>Those of the columns from one on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ParameterSums<T> At(nint column) =>
        new(Sums + column, Products + column, FloatSums + column, FloatProducts + column);

    /// <summary>Adds the sums in float to those in double, and leaves zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Move<V, W>(nint columns)
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        ColumnReduction.MoveFloats<T, V, W>(Sums, FloatSums, columns, NarrowRowGradients.GradientScale, areFirst: false);
        ColumnReduction.MoveFloats<T, V, W>(Products, FloatProducts, columns, NarrowRowGradients.InputScale, areFirst: false);
    }

    private static nint Step(nint columns)
    {
        nint page = Page / sizeof(T), half = page / 2;
        return ((columns + half - 1) / page * page) + half;
    }
}
