using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Normalization.Kernels.Simd;

/// <summary>
/// Masks of one byte for each element, 0 or 255, as masks of vectors. A byte takes a quarter of the cache that a float takes.
/// </summary>
internal static unsafe class ByteMasks
{
    private const int Longest = 16;

    private static ReadOnlySpan<byte> Table =>
    [
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    /// <summary>A mask of the first elements of a vector. The table is part of the assembly's image, which does not move.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* First(nint count) => (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Table)) + Longest - count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load4(byte* source)
    {
        Vector128<sbyte> bytes = Vector128.CreateScalarUnsafe(*(int*)source).AsSByte();
        return Vector128.WidenLower(Vector128.WidenLower(bytes)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(byte* source) => Avx2.IsSupported
        ? Avx2.ConvertToVector256Int32((sbyte*)source).AsSingle()
        : Vector256.Create(Load4(source), Load4(source + 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load16(byte* source) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)source)).AsSingle()
        : Vector512.Create(Load8(source), Load8(source + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<double> LoadWide2(byte* source)
    {
        Vector128<sbyte> bytes = Vector128.CreateScalarUnsafe((int)*(short*)source).AsSByte();
        return Vector128.WidenLower(Vector128.WidenLower(Vector128.WidenLower(bytes))).AsDouble();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<double> LoadWide4(byte* source) => Avx2.IsSupported
        ? Avx2.ConvertToVector256Int64((sbyte*)source).AsDouble()
        : Vector256.Create(LoadWide2(source), LoadWide2(source + 2));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> LoadWide8(byte* source) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector512Int64(Vector128.CreateScalarUnsafe(*(long*)source).AsSByte()).AsDouble()
        : Vector512.Create(LoadWide4(source), LoadWide4(source + 4));
}
