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
        (Vector256<float> a0, Vector256<float> a1, Vector256<float> a2, Vector256<float> a3) = Pairs(source, stride);
        (Vector256<float> b0, Vector256<float> b1, Vector256<float> b2, Vector256<float> b3) = Pairs(source + (4 * stride), stride);
        Store(a0, b0, destination, to);
        Store(a1, b1, destination + to, to);
        Store(a2, b2, destination + (2 * to), to);
        Store(a3, b3, destination + (3 * to), to);

        // Columns 0 to 3 of four rows in the lower halves, columns 4 to 7 in the upper ones.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static (Vector256<float> C0, Vector256<float> C1, Vector256<float> C2, Vector256<float> C3) Pairs(float* rows, nint stride)
        {
            const byte Lower = 0b01_00_01_00, Upper = 0b11_10_11_10;
            Vector256<float> r0 = Avx.LoadVector256(rows), r1 = Avx.LoadVector256(rows + stride);
            Vector256<float> r2 = Avx.LoadVector256(rows + (2 * stride)), r3 = Avx.LoadVector256(rows + (3 * stride));
            Vector256<float> low01 = Avx.UnpackLow(r0, r1), high01 = Avx.UnpackHigh(r0, r1);
            Vector256<float> low23 = Avx.UnpackLow(r2, r3), high23 = Avx.UnpackHigh(r2, r3);
            return (
                Avx.Shuffle(low01, low23, Lower), Avx.Shuffle(low01, low23, Upper),
                Avx.Shuffle(high01, high23, Lower), Avx.Shuffle(high01, high23, Upper));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Store(Vector256<float> a, Vector256<float> b, float* row, nint stride)
        {
            Avx.Store(row, Avx.Permute2x128(a, b, 0x20));
            Avx.Store(row + (4 * stride), Avx.Permute2x128(a, b, 0x31));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OfFour(double* source, nint stride, double* destination, nint to)
    {
        Vector256<double> r0 = Avx.LoadVector256(source), r1 = Avx.LoadVector256(source + stride);
        Vector256<double> r2 = Avx.LoadVector256(source + (2 * stride)), r3 = Avx.LoadVector256(source + (3 * stride));
        Vector256<double> low01 = Avx.UnpackLow(r0, r1), high01 = Avx.UnpackHigh(r0, r1);
        Vector256<double> low23 = Avx.UnpackLow(r2, r3), high23 = Avx.UnpackHigh(r2, r3);
        Avx.Store(destination, Avx.Permute2x128(low01, low23, 0x20));
        Avx.Store(destination + to, Avx.Permute2x128(high01, high23, 0x20));
        Avx.Store(destination + (2 * to), Avx.Permute2x128(low01, low23, 0x31));
        Avx.Store(destination + (3 * to), Avx.Permute2x128(high01, high23, 0x31));
    }
}
