using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>Rows of an input and of an output, a stride apart, that share their mask.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ValidRows<T>(T* input, byte* mask, T* output, nint stride) where T : unmanaged
{
    public readonly T* Input = input;
    public readonly byte* Mask = mask;
    public readonly T* Output = output;
    public readonly nint Stride = stride;
}

/// <summary>x where the mask is set, and elsewhere what the output has, or 0.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ValidMap<T, V, TKeeps>(T* x, byte* mask, T* output) : IMap<ValidMap<T, V, TKeeps>, ValidRows<T>, V, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where TKeeps : struct, IFlag
{
    private readonly T* _x = x;
    private readonly byte* _mask = mask;
    private readonly T* _output = output;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ValidMap<T, V, TKeeps> Of(in ValidRows<T> rows, nint row) =>
        new(rows.Input + (row * rows.Stride), rows.Mask, rows.Output + (row * rows.Stride));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => V.LoadMask(_mask + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in V column, TAccess access) where TAccess : struct, IAccess => TKeeps.Value
        ? V.Select(column, access.Load<V, T>(_x + i), access.Load<V, T>(_output + i))
        : V.Keep(column, access.Load<V, T>(_x + i));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => RawMemory.Prefetch(_x + i);
}
