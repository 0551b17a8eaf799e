using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>Where a loop takes its elements from. They are values of the element type, whatever the vector computes in.</summary>
internal interface ISource<TSelf, T>
    where TSelf : struct, ISource<TSelf, T>
    where T : unmanaged
{
    /// <summary>From how many arrays an element comes.</summary>
    static abstract int Arrays { get; }

    /// <summary>The source that begins that many elements later.</summary>
    TSelf At(nint offset);

    V Load<V, TAccess>(nint i, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess;

    /// <summary>Single elements, from the first one on, that lie <paramref name="step"/> apart.</summary>
    TLanes Gather<TLanes>(nint step) where TLanes : unmanaged, ILanes<TLanes>;

    /// <summary>
    /// Prefetches the cache line of element i, which need not exist. <paramref name="isFar"/>: not into the first-level cache.
    /// </summary>
    void Prefetch(nint i, bool isFar);
}

/// <summary>What is done with a value before it is written.</summary>
internal interface IEpilogue<TSelf, T>
    where TSelf : struct, IEpilogue<TSelf, T>
    where T : unmanaged
{
    /// <summary>Whether it takes so many instructions that a loop has it only once.</summary>
    static virtual bool IsLong => false;

    /// <summary>The epilogue that begins that many elements later.</summary>
    TSelf At(nint offset);

    V Apply<V, TAccess>(nint i, V value, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess;
}

/// <summary>The elements of an array.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct Plain<T>(T* elements) : ISource<Plain<T>, T> where T : unmanaged
{
    private readonly T* _elements = elements;

    public static int Arrays => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Plain<T> At(nint offset) => new(_elements + offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Load<V, TAccess>(nint i, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess =>
        access.Load<V, T>(_elements + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Gather<TLanes>(nint step) where TLanes : unmanaged, ILanes<TLanes> => TLanes.GatherElements(_elements, step);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i, bool isFar)
    {
        if (isFar)
            RawMemory.PrefetchFar(_elements + i);
        else
            RawMemory.Prefetch(_elements + i);
    }
}

/// <summary>No epilogue.</summary>
internal readonly struct Identity<T> : IEpilogue<Identity<T>, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Identity<T> At(nint offset) => this;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Apply<V, TAccess>(nint i, V value, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess => value;
}

/// <summary>
/// An elementwise pass over items (rows or channels). It can be compiled for narrow and wide vectors, with an optional operand and without.
/// </summary>
internal interface IElementProgram<T> where T : unmanaged
{
    /// <summary>Whether the operand is there that the pass can do without: the bias, or the weights before a scale and a shift.</summary>
    bool HasOptional { get; }

    Arithmetic ArithmeticOf(nint item);

    void Run<V, THasOptional>(nint first, nint count) where V : unmanaged, ISimd<V, T> where THasOptional : struct, IFlag;

    /// <summary>One item whose coefficients leave the range of a double.</summary>
    void RunHard<W>(nint item) where W : unmanaged, IWideSimd<W, T>;
}

/// <summary>The one place that picks what an elementwise pass is compiled for.</summary>
internal static class ElementProgram
{
    /// <summary>Neighbors that need the same arithmetic go together, so that no item changes another one's bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<T, V, W, TProgram>(in TProgram program, nint items)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
        where TProgram : struct, IElementProgram<T>, allows ref struct
    {
        for (nint first = 0, count; first < items; first += count)
        {
            Arithmetic arithmetic = program.ArithmeticOf(first);
            count = 1;
            while (first + count < items && arithmetic != Arithmetic.Hard && program.ArithmeticOf(first + count) == arithmetic)
                count++;
            if (arithmetic == Arithmetic.Hard)
                program.RunHard<W>(first);
            else if (arithmetic == Arithmetic.Narrow && program.HasOptional)
                program.Run<V, On>(first, count);
            else if (arithmetic == Arithmetic.Narrow)
                program.Run<V, Off>(first, count);
            else if (program.HasOptional)
                program.Run<W, On>(first, count);
            else
                program.Run<W, Off>(first, count);
        }
    }
}
