using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>Forward over the channels at each position of [n, c, s], which are turned into rows some positions at a time.</summary>
internal readonly unsafe struct PositionForward<T, V, W> : IWorkerJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly GroupLayout* _layout;
    private readonly ForwardOperands<T>* _operands;
    private readonly TurnedRows<T> _turned;
    private readonly WorkerScratch _memory;
    private readonly nint _positions;
    private readonly nint _tilesPerSample;

    private PositionForward(
        GroupLayout* layout, ForwardOperands<T>* operands, nint positions, in TurnedRows<T> turned, in WorkerScratch memory)
    {
        _layout = layout;
        _operands = operands;
        _turned = turned;
        _memory = memory;
        _positions = positions;
        _tilesPerSample = (positions + turned.Count - 1) / turned.Count;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run(in GroupLayout layout, in ForwardOperands<T> operands)
    {
        nint positions = operands.Positions;
        int degree = Partition.DegreeFor(layout.Elements * sizeof(T));
        TurnedRows<T> turned = new(layout.Unit.Length, positions);
        nint room = turned.Room;
        using var scratch = new Scratch<double>(WorkerScratch.Size(degree, room));
        fixed (GroupLayout* pLayout = &layout)
        fixed (ForwardOperands<T>* pOperands = &operands)
        fixed (double* memory = scratch.Span)
        {
            var job = new PositionForward<T, V, W>(pLayout, pOperands, positions, turned, new(memory, room));
            Partition.ForWorkers(job, layout.Groups / positions * job._tilesPerSample, degree);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end, int worker)
    {
        T* rows = (T*)_memory[worker];
        nint count = _turned.Count;
        ForwardOperands<T> own = *_operands;
        for (nint tile = start; tile < end; tile++)
        {
            nint sample = tile / _tilesPerSample, position = tile % _tilesPerSample * count;
            nint first = (sample * _positions) + position, last = first + Math.Min(count, _positions - position);
            _turned.Read(_operands->Input, first, last, rows);
            T* origin = rows - (first * _layout->Unit.Length);
            own.Input = origin;
            own.Output = _operands->Output == null ? null : origin;
            GroupForward<T, V, W, Plain<T>, Identity<T>>.RunPart(
                _layout, &own, new(origin), default, isStreamed: false, first, last);
            if (own.Output != null)
                _turned.Write(rows, first, last, _operands->Output);
        }
    }
}
