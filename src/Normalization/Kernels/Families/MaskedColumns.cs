using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>
/// BatchNorm over the valid positions of short slices, which are columns: the samples are rows, and the mask and the weights of a sample
/// lie beside its row.
/// </summary>
internal static unsafe class MaskedColumns<T, V, W>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    /// <summary>The statistics, unless they are given, and the output, unless it has no memory.</summary>
    public static void Forward(in MaskedOperands<T> operands) => Run(operands, new ForwardRun());

    public static void Backward(in MaskedOperands<T> operands) => Run(operands, new BackwardRun());

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Run<TRun>(in MaskedOperands<T> operands, TRun run) where TRun : struct, IRun
    {
        Plan plan = operands.Plan;
        Dispatch.Columns(Direction.Backward, plan, out Route route);
        nint tile = route.Columns.Tile(0).Columns;
        nint length = (plan.N * tile) + ColumnCoefficients.Padding;
        using Scratch<byte> mask = new(length);
        using Scratch<T> weights = new(operands.Weights == null ? 0 : length);
        Expand(operands.Mask, plan, tile, mask.Span);
        if (operands.Weights != null)
            Expand(operands.Weights, plan, tile, weights.Span);
        fixed (byte* pMask = mask.Span)
        fixed (T* pWeights = weights.Span)
        fixed (MaskedOperands<T>* pOperands = &operands)
            run.Run(route, pOperands, new(pMask, pWeights, route.Columns.Columns, tile));
    }

    /// <summary>What [n, s] says of each sample, for each channel of a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Expand<TPosition>(TPosition* positions, in Plan plan, nint tile, Span<TPosition> expanded)
        where TPosition : unmanaged
    {
        int s = (int)plan.S;
        for (nint sample = 0; sample < plan.N; sample++)
        {
            Span<TPosition> row = expanded.Slice((int)(sample * tile), (int)tile);
            if (s == 1)
            {
                row.Fill(positions[sample]);
                continue;
            }
            new ReadOnlySpan<TPosition>(positions + (sample * s), s).CopyTo(row);
            for (int filled = s; filled < row.Length; filled *= 2)
                row[..Math.Min(filled, row.Length - filled)].CopyTo(row[filled..]);
        }
        expanded[(int)(plan.N * tile)..].Clear();
    }

    private interface IRun
    {
        void Run(in Route route, MaskedOperands<T>* operands, in TilePositions<T> positions);
    }

    private readonly struct ForwardRun : IRun
    {
        public void Run(in Route route, MaskedOperands<T>* operands, in TilePositions<T> positions) =>
            ColumnKernel<T, V, W, MaskedColumnForward<T>>.Run(route, new(operands, positions));
    }

    private readonly struct BackwardRun : IRun
    {
        public void Run(in Route route, MaskedOperands<T>* operands, in TilePositions<T> positions) =>
            ColumnKernel<T, V, W, MaskedColumnBackward<T>>.Run(route, new(operands, positions));
    }
}
