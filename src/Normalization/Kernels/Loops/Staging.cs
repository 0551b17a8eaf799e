using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Loops;

/// <summary>Work that writes its output piece by piece, in the order of memory.</summary>
internal interface IStagedJob<T, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    /// <summary>Does the items from start to end. Where the job is staged, the output says where each piece is to be written.</summary>
    void Run(nint start, nint end, ref Staging<T, V> output);
}

/// <summary>
/// Gathers short neighboring pieces of an output in the first-level cache, and writes them together past the cache.
/// </summary>
/// <param name="output">The whole output.</param>
/// <param name="buffer">Room for <see cref="Thresholds.StagedBytes"/>.</param>
internal unsafe struct Staging<T, V>(T* output, T* buffer)
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _output = output;
    private readonly T* _buffer = buffer;
    private nint _start;
    private nint _end;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<TJob>(in TJob job, T* output, bool isStaged, nint start, nint end) where TJob : struct, IStagedJob<T, V>
    {
        Staging<T, V> none = default;
        if (isStaged)
            RunStaged(job, output, start, end);
        else
            job.Run(start, end, ref none);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void RunStaged<TJob>(in TJob job, T* output, nint start, nint end) where TJob : struct, IStagedJob<T, V>
    {
        T* buffer = stackalloc T[(int)Thresholds.StagedBytes / sizeof(T)];
        var staging = new Staging<T, V>(output, buffer);
        job.Run(start, end, ref staging);
        staging.Flush();
        Fence.Publish();
    }

    /// <summary>
    /// What to add an element's index to for its place, from now until the next call. The next <paramref name="count"/> elements from
    /// <paramref name="start"/> on follow those of the call before.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T* Next(nint start, nint count)
    {
        if ((_end - _start + count) * sizeof(T) > Thresholds.StagedBytes)
            Flush();
        if (_end == _start)
            _start = start;
        _end = start + count;
        return _buffer - _start;
    }

    /// <summary>Writes what is gathered.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Flush()
    {
        if (_end > _start)
        {
            Target<T> target = new(_output + _start, _end - _start, isStreamed: true, ahead: 0);
            Map.Run<T, V, CopyMap<T, V>, CopyMap<T, V>, NoColumn>(new(_buffer), 0, 1, areFour: false, target, stride: 0);
        }
        _start = _end;
    }
}

/// <summary>The elements of an array.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct CopyMap<T, V>(T* source) : IMap<CopyMap<T, V>, CopyMap<T, V>, V, NoColumn>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _source = source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CopyMap<T, V> Of(in CopyMap<T, V> rows, nint row) => rows;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NoColumn Column<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<TAccess>(nint i, in NoColumn column, TAccess access) where TAccess : struct, IAccess =>
        access.Load<V, T>(_source + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint i) => RawMemory.Prefetch(_source + i);
}
