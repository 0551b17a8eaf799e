using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>
/// Forward over one row on this thread: the loops of <see cref="GroupForward{T, V, W, TSource, TEpilogue}"/> without its choices, which
/// cost more than a short row.
/// </summary>
internal static unsafe class OneRowForward<T, V, W>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run(nint width, in ForwardOperands<T> operands)
    {
        SliceSet row = new(1, width, width);
        Moments<T, V, W, Plain<T>>.Compute(
            new(operands.Input), row, operands.IsCentered, operands.IsExact, operands.Epsilon, operands.Statistics);
        if (operands.Output != null)
            Write(width, operands);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Write(nint width, in ForwardOperands<T> operands)
    {
        // Stored number by number: a copy would wait until all of them are in memory.
        Affine affine;
        Affine.Normalizing<T>(*operands.Statistics).Store(&affine);
        Target<T> target = new(operands.Output, width, isStreamed: false, ahead: 0);
        if (operands.Weight == null)
        {
            AffineRows<T, Plain<T>, Identity<T>, Affine> rows = new(new(operands.Input), default, 0, &affine);
            ElementProgram.Run<T, V, W, AffineProgram<T, Plain<T>, Identity<T>>>(
                new(in rows, 1, in *operands.Statistics, 1, 0, in target), 1);
            return;
        }
        WeightedAffineRows<T, Plain<T>, Identity<T>> weighted =
            new(new(new(operands.Input), default, 0, &affine), operands.Weight, operands.Bias);
        ElementProgram.Run<T, V, W, WeightedAffineProgram<T, Plain<T>, Identity<T>>>(new(in weighted, in target), 1);
    }
}
