using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>The sums that the lanes of a reduction keep in memory, in whole vectors, while the loop goes on.</summary>
internal static unsafe class LaneSums
{
    /// <summary>
    /// Stores the lanes of floats, which happens once. Adds those of doubles, which are one block, and the next block starts from zero.
    /// The lanes of each vector lie <paramref name="next"/> behind those of the one before, the products <paramref name="apart"/> behind
    /// the sums.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddBlock<T, W>(
        double* lanes, nint next, nint apart, int vectors,
        ref W s0, ref W s1, ref W s2, ref W s3, ref W p0, ref W p1, ref W p2, ref W p3)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
    {
        Add(lanes, apart, ref s0, ref p0);
        if (vectors > 1)
            Add(lanes + next, apart, ref s1, ref p1);
        if (vectors > 2)
        {
            Add(lanes + (2 * next), apart, ref s2, ref p2);
            Add(lanes + (3 * next), apart, ref s3, ref p3);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Add(double* lanes, nint apart, ref W sum, ref W product)
        {
            if (typeof(T) == typeof(double))
            {
                sum += W.LoadDoubles(lanes);
                product += W.LoadDoubles(lanes + apart);
            }
            W.StoreDoubles(lanes, sum);
            W.StoreDoubles(lanes + apart, product);
            (sum, product) = (default, default);
        }
    }
}
