using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Normalization.Kernels.Simd;

/// <summary>Four vectors of four numbers: number i of vector k goes to number k of vector i.</summary>
internal static class Square
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(
        ref Vector256<double> first, ref Vector256<double> second, ref Vector256<double> third, ref Vector256<double> fourth)
    {
        Vector256<double> even = ZipLower(first, second), odd = ZipUpper(first, second);
        Vector256<double> otherEven = ZipLower(third, fourth), otherOdd = ZipUpper(third, fourth);
        first = LowerHalves(even, otherEven);
        second = LowerHalves(odd, otherOdd);
        third = UpperHalves(even, otherEven);
        fourth = UpperHalves(odd, otherOdd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(
        ref Vector128<float> first, ref Vector128<float> second, ref Vector128<float> third, ref Vector128<float> fourth)
    {
        Vector128<float> lower = ZipLower(first, second), upper = ZipUpper(first, second);
        Vector128<float> otherLower = ZipLower(third, fourth), otherUpper = ZipUpper(third, fourth);
        first = LowerHalves(lower, otherLower);
        second = UpperHalves(lower, otherLower);
        third = LowerHalves(upper, otherUpper);
        fourth = UpperHalves(upper, otherUpper);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> LowerHalves<T>(Vector256<T> left, Vector256<T> right) =>
        Vector256.Create(left.GetLower(), right.GetLower());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> UpperHalves<T>(Vector256<T> left, Vector256<T> right) => Avx.IsSupported
        ? Avx.Permute2x128(left.AsDouble(), right.AsDouble(), 0x31).As<double, T>()
        : Vector256.Create(left.GetUpper(), right.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> LowerHalves(Vector128<float> left, Vector128<float> right) =>
        Sse.IsSupported ? Sse.MoveLowToHigh(left, right) : Vector128.Create(left.GetLower(), right.GetLower());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> UpperHalves(Vector128<float> left, Vector128<float> right) =>
        Sse.IsSupported ? Sse.MoveHighToLow(right, left) : Vector128.Create(left.GetUpper(), right.GetUpper());

    /// <summary>Numbers 0 and 2 of both.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> ZipLower(Vector256<double> left, Vector256<double> right) =>
        Avx.IsSupported ? Avx.UnpackLow(left, right) : Vector256.Create(left[0], right[0], left[2], right[2]);

    /// <summary>Numbers 1 and 3 of both.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> ZipUpper(Vector256<double> left, Vector256<double> right) =>
        Avx.IsSupported ? Avx.UnpackHigh(left, right) : Vector256.Create(left[1], right[1], left[3], right[3]);

    /// <summary>Numbers 0 and 1 of both.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ZipLower(Vector128<float> left, Vector128<float> right) =>
        Sse.IsSupported ? Sse.UnpackLow(left, right) : Vector128.Create(left[0], right[0], left[1], right[1]);

    /// <summary>Numbers 2 and 3 of both.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ZipUpper(Vector128<float> left, Vector128<float> right) =>
        Sse.IsSupported ? Sse.UnpackHigh(left, right) : Vector128.Create(left[2], right[2], left[3], right[3]);
}
