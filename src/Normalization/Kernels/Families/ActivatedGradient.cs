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
internal readonly unsafe struct ActivatedGradient<T, V, W, TActivation> : IRowParts<T>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TActivation : IActivation
{
    public static bool ArePlain => typeof(TActivation) == typeof(NoActivation);

    public static bool AreTurned => false;

    public static nint Rows(in GroupLayout layout, in BackwardOperands<T> operands) => ArePlain
        ? nint.MaxValue
        : Math.Max(Thresholds.RowsAtOnce, Thresholds.GroupsPerSum(layout.GroupStride * sizeof(T)));

    public static nint Room(in GroupLayout layout, in BackwardOperands<T> operands) =>
        ArePlain ? 0 : (Rows(layout, operands) * layout.GroupStride * sizeof(T) / sizeof(double)) + 1;

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

    public static void Finish(GroupLayout* layout, in BackwardOperands<T> operands, double* memory, nint first, nint last)
    {
    }
}
