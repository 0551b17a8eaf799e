using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Normalization.Kernels.Simd;

/// <summary>
/// A square block of elements whose rows become columns. The elements are only moved, so the width of vectors changes no bit.
/// </summary>
internal static unsafe class SquareBlock
{
    /// <summary>The rows, and the columns, of the block that vectors transpose at once; 1 where they do not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SideOf<T>() where T : unmanaged => Avx.IsSupported ? Vector256<byte>.Count / sizeof(T) : 1;

    /// <summary>Transposes one block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose<T>(T* source, nint sourceStride, T* destination, nint destinationStride) where T : unmanaged
    {
        if (sizeof(T) == sizeof(float))
            OfEight((float*)source, sourceStride, (float*)destination, destinationStride);
        else
            OfFour((double*)source, sourceStride, (double*)destination, destinationStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OfEight(float* source, nint stride, float* destination, nint to)
    {
        FourColumns(source, stride, destination, to);
        FourColumns(source + 4, stride, destination + (4 * to), to);

        // Rows 0 to 3 come into the lower halves, rows 4 to 7 into the upper ones, so that no element has to cross from half to half.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void FourColumns(float* source, nint stride, float* destination, nint to)
        {
            const byte Lower = 0b01_00_01_00, Upper = 0b11_10_11_10;
            float* below = source + (4 * stride);
            Vector256<float> r0 = Halves(source, below), r1 = Halves(source + stride, below + stride);
            Vector256<float> low01 = Avx.UnpackLow(r0, r1), high01 = Avx.UnpackHigh(r0, r1);
            source += 2 * stride;
            below += 2 * stride;
            Vector256<float> r2 = Halves(source, below), r3 = Halves(source + stride, below + stride);
            Vector256<float> low23 = Avx.UnpackLow(r2, r3), high23 = Avx.UnpackHigh(r2, r3);
            Avx.Store(destination, Avx.Shuffle(low01, low23, Lower));
            Avx.Store(destination + to, Avx.Shuffle(low01, low23, Upper));
            destination += 2 * to;
            Avx.Store(destination, Avx.Shuffle(high01, high23, Lower));
            Avx.Store(destination + to, Avx.Shuffle(high01, high23, Upper));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector256<float> Halves(float* lower, float* upper) =>
            Avx.InsertVector128(Sse.LoadVector128(lower).ToVector256Unsafe(), Sse.LoadVector128(upper), 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OfFour(double* source, nint stride, double* destination, nint to)
    {
        Vector256<double> r0 = Avx.LoadVector256(source), r1 = Avx.LoadVector256(source + stride);
        Vector256<double> r2 = Avx.LoadVector256(source + (2 * stride)), r3 = Avx.LoadVector256(source + (3 * stride));
        Square.Transpose(ref r0, ref r1, ref r2, ref r3);
        Avx.Store(destination, r0);
        Avx.Store(destination + to, r1);
        Avx.Store(destination + (2 * to), r2);
        Avx.Store(destination + (3 * to), r3);
    }
}
