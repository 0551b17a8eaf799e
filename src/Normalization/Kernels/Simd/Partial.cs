using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Normalization.Kernels.Simd;

/// <summary>Loads and stores of the first elements of a vector, which never touch memory past them; what is not loaded is zero.</summary>
internal static unsafe class Partial
{
    private const int Words = 16;

    private static ReadOnlySpan<int> Table =>
    [
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> Load128<T>(T* source, nint count) where T : unmanaged =>
        !Avx.IsSupported ? Vector128.Load((T*)Copied(source, count, stackalloc byte[sizeof(Vector128<T>)]))
        : typeof(T) == typeof(float) ? Avx.MaskLoad((float*)source, Vector128.Load(Mask<T>(count)).AsSingle()).As<float, T>()
        : Avx.MaskLoad((double*)source, Vector128.Load(Mask<T>(count)).AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Load256<T>(T* source, nint count) where T : unmanaged =>
        !Avx.IsSupported ? Vector256.Load((T*)Copied(source, count, stackalloc byte[sizeof(Vector256<T>)]))
        : typeof(T) == typeof(float) ? Avx.MaskLoad((float*)source, Vector256.Load(Mask<T>(count)).AsSingle()).As<float, T>()
        : Avx.MaskLoad((double*)source, Vector256.Load(Mask<T>(count)).AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Load512<T>(T* source, nint count) where T : unmanaged =>
        !Avx512F.IsSupported ? Vector512.Load((T*)Copied(source, count, stackalloc byte[sizeof(Vector512<T>)]))
        : typeof(T) == typeof(float)
            ? Avx512F.MaskLoad((float*)source, Vector512.Load(Mask<T>(count)).AsSingle(), Vector512<float>.Zero).As<float, T>()
            : Avx512F.MaskLoad((double*)source, Vector512.Load(Mask<T>(count)).AsDouble(), Vector512<double>.Zero).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(T* destination, Vector128<T> value, nint count) where T : unmanaged
    {
        if (!Avx.IsSupported)
            Copy((T*)&value, destination, count);
        else if (typeof(T) == typeof(float))
            Avx.MaskStore((float*)destination, Vector128.Load(Mask<T>(count)).AsSingle(), value.As<T, float>());
        else
            Avx.MaskStore((double*)destination, Vector128.Load(Mask<T>(count)).AsDouble(), value.As<T, double>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(T* destination, Vector256<T> value, nint count) where T : unmanaged
    {
        if (!Avx.IsSupported)
            Copy((T*)&value, destination, count);
        else if (typeof(T) == typeof(float))
            Avx.MaskStore((float*)destination, Vector256.Load(Mask<T>(count)).AsSingle(), value.As<T, float>());
        else
            Avx.MaskStore((double*)destination, Vector256.Load(Mask<T>(count)).AsDouble(), value.As<T, double>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(T* destination, Vector512<T> value, nint count) where T : unmanaged
    {
        if (!Avx512F.IsSupported)
            Copy((T*)&value, destination, count);
        else if (typeof(T) == typeof(float))
            Avx512F.MaskStore((float*)destination, Vector512.Load(Mask<T>(count)).AsSingle(), value.As<T, float>());
        else
            Avx512F.MaskStore((double*)destination, Vector512.Load(Mask<T>(count)).AsDouble(), value.As<T, double>());
    }

    // The table is part of the assembly's image, which does not move.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int* Mask<T>(nint count) where T : unmanaged =>
        (int*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Table)) + Words - (count * sizeof(T) / sizeof(int));

    private static T* Copied<T>(T* source, nint count, Span<byte> buffer) where T : unmanaged
    {
        buffer.Clear();
        T* copy = (T*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(buffer));
        Copy(source, copy, count);
        return copy;
    }

    private static void Copy<T>(T* source, T* destination, nint count) where T : unmanaged
    {
        for (nint i = 0; i < count; i++)
            destination[i] = source[i];
    }
}
