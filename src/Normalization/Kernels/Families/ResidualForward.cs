using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>
/// Forward over x + residual: a thread adds some groups and normalizes them while their sum is in its first-level cache. Where the output
/// is streamed, the sum is too, from memory of the thread.
/// </summary>
internal readonly unsafe struct ResidualForward<T, V, W, TEpilogue> : IWorkerJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TEpilogue : struct, IEpilogue<TEpilogue, T>
{
    private readonly GroupLayout* _layout;
    private readonly ForwardOperands<T>* _operands;
    private readonly T* _residual;
    private readonly T* _sum;
    private readonly TEpilogue _epilogue;
    private readonly WorkerScratch _memory;
    private readonly nint _groups;
    private readonly bool _isStreamed;

    private ResidualForward(
        GroupLayout* layout, ForwardOperands<T>* operands, T* residual, T* sum, in TEpilogue epilogue, in WorkerScratch memory, nint groups,
        bool isStreamed)
    {
        _layout = layout;
        _operands = operands;
        _residual = residual;
        _sum = sum;
        _epilogue = epilogue;
        _memory = memory;
        _groups = groups;
        _isStreamed = isStreamed;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run(in Route route, in ForwardOperands<T> operands, T* residual, T* sum, in TEpilogue epilogue)
    {
        fixed (Route* pRoute = &route)
        fixed (ForwardOperands<T>* pOperands = &operands)
        {
            GroupLayout* layout = &pRoute->Groups;
            long bytes = layout->Elements * sizeof(T);
            int degree = Partition.DegreeFor(bytes);
            nint groups = Thresholds.GroupsPerSum(layout->GroupStride * sizeof(T));
            int tensors = sum == operands.Input || sum == residual || sum == operands.Output ? 3 : 4;
            bool isStreamed = Thresholds.IsStreamed(tensors * bytes, layout->Unit.Length * sizeof(T));
            nint length = isStreamed ? ((groups * layout->GroupStride * sizeof(T)) + RawMemory.LineBytes) / sizeof(double) : 0;
            using var scratch = new Scratch<double>(WorkerScratch.Size(isStreamed ? degree : 0, length));
            fixed (double* memory = scratch.Span)
            {
                var job = new ResidualForward<T, V, W, TEpilogue>(
                    layout, pOperands, residual, sum, epilogue, new(memory, length), groups, isStreamed);
                Partition.ForWorkers(job, (layout->Groups + groups - 1) / groups, degree);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end, int worker)
    {
        for (nint part = start; part < end; part++)
        {
            nint first = part * _groups, last = Math.Min(first + _groups, _layout->Groups);
            nint offset = first * _layout->GroupStride, length = (last - first) * _layout->GroupStride;
            T* sum = _isStreamed ? (T*)_memory[worker] : _sum + offset;
            SumMap<T, V> parts = new(_operands->Input + offset, _residual + offset);
            if (!_isStreamed || _sum == _operands->Output)
                Write<SumMap<T, V>>(parts, new(sum, length, isStreamed: false, ahead: 0));
            else
                Write<KeptSumMap<T, V>>(new(parts, sum), new(_sum + offset, length, isStreamed: true, ahead: length));
            GroupForward<T, V, W, Plain<T>, TEpilogue>.RunPart(
                _layout, _operands, new(sum - offset), _epilogue, _isStreamed, first, last);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write<TMap>(in TMap map, in Target<T> target) where TMap : struct, IMap<TMap, TMap, V, NoColumn> =>
        Map.Run<T, V, TMap, TMap, NoColumn>(map, first: 0, count: 1, areFour: false, target, stride: 0);
}
