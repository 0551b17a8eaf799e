using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>Copies the positions whose mask is set, channel by channel; the others keep what the output has, or become 0.</summary>
internal readonly unsafe struct MaskedCopy<T, V, TKeeps>(MaskedOperands<T>* operands) : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where TKeeps : struct, IFlag
{
    private readonly MaskedOperands<T>* _operands = operands;

    public static void Run(in MaskedOperands<T> operands)
    {
        Plan plan = operands.Plan;
        fixed (MaskedOperands<T>* pOperands = &operands)
        {
            Partition.For(
                new MaskedCopy<T, V, TKeeps>(pOperands), plan.N * plan.C, Partition.DegreeFor((long)plan.Elements * sizeof(T)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        nint s = _operands->Plan.S, channels = _operands->Plan.C;
        for (nint first = start, last; first < end; first = last)
        {
            nint sample = first / channels, offset = first * s;
            last = Math.Min(end, (sample + 1) * channels);
            ValidRows<T> rows = new(_operands->Input + offset, _operands->Mask + (sample * s), _operands->Output + offset, s);
            Map.Run<T, V, ValidRows<T>, ValidMap<T, V, TKeeps>, V>(
                rows, 0, last - first, _operands->WritesFour, new(_operands->Output + offset, s, isStreamed: false, ahead: 0), s);
        }
    }
}
