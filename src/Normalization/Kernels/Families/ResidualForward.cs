using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>
/// Forward over x + residual: a thread adds some groups and normalizes them while their sum is in its first-level cache. Where the output
/// is streamed, the sum is too, beside it: both inputs stay in the cache, and are added up for the statistics and again for the outputs.
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
    private readonly bool _isBoth;

    private ResidualForward(
        GroupLayout* layout, ForwardOperands<T>* operands, T* residual, T* sum, in TEpilogue epilogue, in WorkerScratch memory, nint groups,
        bool isStreamed, bool isBoth)
    {
        _layout = layout;
        _operands = operands;
        _residual = residual;
        _sum = sum;
        _epilogue = epilogue;
        _memory = memory;
        _groups = groups;
        _isStreamed = isStreamed;
        _isBoth = isBoth;
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
            bool isStreamed = Thresholds.IsStreamed(tensors * bytes, layout->Unit.Length * sizeof(T))
                && RawMemory.IsAligned<T>((nint)operands.Output);
            bool isBoth = isStreamed && sum != operands.Output;
            nint length = isStreamed && !isBoth ? ((groups * layout->GroupStride * sizeof(T)) + RawMemory.LineBytes) / sizeof(double) : 0;
            using var scratch = new Scratch<double>(WorkerScratch.Size(length > 0 ? degree : 0, length));
            fixed (double* memory = scratch.Span)
            {
                var job = new ResidualForward<T, V, W, TEpilogue>(
                    layout, pOperands, residual, sum, epilogue, new(memory, length), groups, isStreamed, isBoth);
                Partition.ForWorkers(job, (layout->Groups + groups - 1) / groups, degree);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end, int worker)
    {
        if (_isBoth)
        {
            RunBoth(start * _groups, Math.Min(end * _groups, _layout->Groups));
            return;
        }
        for (nint part = start; part < end; part++)
        {
            nint first = part * _groups, last = Math.Min(first + _groups, _layout->Groups);
            nint offset = first * _layout->GroupStride, length = (last - first) * _layout->GroupStride;
            T* sum = _isStreamed ? (T*)_memory[worker] : _sum + offset;
            Map.Run<T, V, SumMap<T, V>, SumMap<T, V>, NoColumn>(
                new(_operands->Input + offset, _residual + offset), first: 0, count: 1, areFour: false,
                new(sum, length, isStreamed: false, ahead: 0), stride: 0);
            GroupForward<T, V, W, Plain<T>, TEpilogue>.RunPart(
                _layout, _operands, new(sum - offset), _epilogue, _isStreamed, first, last);
        }
    }

    /// <summary>Groups whose sum and output go past the cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunBoth(nint first, nint last)
    {
        Added<T> source = new(_operands->Input, _residual);
        bool isSumStreamed = ((nint)_sum - (nint)_operands->Output) % RawMemory.LineBytes == 0;
        GroupForward<T, V, W, Added<T>, SumEpilogue<T, TEpilogue>>.RunPart(
            _layout, _operands, source, new(source, _sum, isSumStreamed, _epilogue), isStreamed: true, first, last,
            _layout->Elements * sizeof(T));
    }
}
