using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>
/// dy of some neighboring rows, once it has gone back through an activation: a thread keeps it in memory of its own until the next
/// rows. Without an activation it is dy itself.
/// </summary>
internal static unsafe class ActivatedGradient<T, V, W, TActivation>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TActivation : IActivation
{
    public static bool IsPlain => typeof(TActivation) == typeof(NoActivation);

    /// <summary>How many rows a thread takes at a time.</summary>
    public static nint Rows(in GroupLayout layout) => IsPlain
        ? nint.MaxValue
        : Math.Max(Thresholds.RowsAtOnce, Thresholds.GroupsPerSum(layout.GroupStride * sizeof(T)));

    /// <summary>How many doubles a thread needs for them.</summary>
    public static nint Room(in GroupLayout layout) =>
        IsPlain ? 0 : (Rows(layout) * layout.GroupStride * sizeof(T) / sizeof(double)) + 1;

    /// <summary>The operands of the backward pass over the rows from first to last, with their dy.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static BackwardOperands<T> Of(
        GroupLayout* layout, in BackwardOperands<T> operands, double* memory, nint first, nint last)
    {
        BackwardOperands<T> own = operands;
        own.OutputGradient = (T*)memory - (first * layout->GroupStride);
        ForwardOperands<T> forward = new()
        {
            Output = own.OutputGradient,
            Weight = operands.Weight,
            Bias = operands.Bias,
            Statistics = operands.Statistics,
            HasFixedStatistics = true,
            IsCentered = operands.IsCentered,
        };
        GroupForward<T, V, W, Plain<T>, Identity<T>>.RunPart(
            layout, &forward, new(operands.Input), default, isStreamed: false, first, last);
        nint offset = first * layout->GroupStride;
        EpilogueBackward<T, V, W, TActivation>.RunPart(new()
        {
            Layout = EpilogueLayout.Flat((last - first) * layout->GroupStride),
            Input = (T*)memory,
            Skip = operands.Skip == null ? null : operands.Skip + offset,
            OutputGradient = operands.OutputGradient + offset,
            InputGradient = (T*)memory,
        });
        return own;
    }
}
