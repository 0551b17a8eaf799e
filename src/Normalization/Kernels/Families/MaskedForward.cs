using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>
/// Forward over the valid positions, sample by sample. The statistics are given, except those of groups of samples that have lengths.
/// </summary>
internal readonly unsafe struct MaskedForward<T, V, W>(MaskedOperands<T>* operands) : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly MaskedOperands<T>* _operands = operands;

    public static void Run(in MaskedOperands<T> operands)
    {
        fixed (MaskedOperands<T>* pOperands = &operands)
        {
            Partition.For(
                new MaskedForward<T, V, W>(pOperands), operands.Plan.N, Partition.DegreeFor((long)operands.Plan.Elements * sizeof(T)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        Plan plan = _operands->Plan;
        long bytes = (long)plan.Elements * sizeof(T);
        nint groups = _operands->AreChannels ? plan.C : plan.Groups;
        for (nint sample = start; sample < end; sample++)
        {
            nint offset = sample * plan.C * plan.S, length = _operands->LengthOf(sample);
            GroupStatistics* statistics = _operands->Statistics + (_operands->AreChannels ? 0 : sample * groups);
            if (_operands->Samples[sample].Count == 0)
            {
                if (!_operands->HasFixedStatistics)
                    new Span<GroupStatistics>(statistics, (int)groups).Clear();
            }
            else
            {
                var layout = GroupLayout.Sample(plan.C, plan.S, groups, length);
                ForwardOperands<T> forward = new()
                {
                    Output = _operands->Output + offset,
                    Weight = _operands->Weight,
                    Bias = _operands->Bias,
                    Statistics = statistics,
                    Epsilon = _operands->Epsilon,
                    HasFixedStatistics = _operands->HasFixedStatistics,
                    IsCentered = true,
                };
                bool isStreamed = Thresholds.IsStreamed(2 * bytes, length * sizeof(T));
                Plain<T> source = new(_operands->Input + offset);
                T* weights = _operands->WeightsOf(sample);
                if (weights == null || _operands->Samples[sample].Count == plan.S)
                {
                    GroupForward<T, V, W, Plain<T>, Identity<T>>.RunSample(&layout, &forward, source, default, isStreamed, bytes);
                }
                else
                {
                    GroupForward<T, V, W, Plain<T>, MaskEpilogue<T>>.RunSample(
                        &layout, &forward, source, new(weights, plan.S, 0), isStreamed, bytes);
                }
            }
            nint cleared = _operands->Samples[sample].Count == 0 ? 0 : length;
            for (nint channel = 0; channel < plan.C && _operands->ClearsInvalid && cleared < plan.S; channel++)
                new Span<T>(_operands->Output + offset + (channel * plan.S) + cleared, (int)(plan.S - cleared)).Clear();
        }
    }
}
