using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>How the elements of a channel are computed.</summary>
internal enum Arithmetic : byte
{
    /// <summary>In the element type.</summary>
    Narrow,

    /// <summary>Floats, in double.</summary>
    Wide,

    /// <summary>Channel by channel, where the coefficients leave the range of a double.</summary>
    Hard,
}

/// <summary>The elementwise pass over one channel whose coefficients leave the range of a double. Rare, and slow.</summary>
internal static unsafe class ColumnHard
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Apply<T, W, TPass>(
        in ColumnLayout layout, in Operands<T> operands, in ColumnCoefficients coefficients, nint channel, nint firstRow, nint rows)
        where T : unmanaged
        where W : unmanaged, IWideSimd<W, T>
        where TPass : struct, IColumnPass<T>
    {
        GroupStatistics statistics = operands.Statistics[channel];
        double weight = operands.WeightOf<One>(channel);
        bool isProjected = TPass.IsBackward && !operands.HasFixedStatistics;
        WideAffine affine = TPass.IsBackward ? new(statistics.Uncentred, weight, 0) : new(statistics, weight, operands.BiasOf<One>(channel));
        HardGradient gradient = isProjected ? coefficients.HardGradientOf(channel) : default;
        T* input = TPass.IsBackward ? operands.OutputGradient : operands.Input;
        T* output = TPass.IsBackward ? operands.InputGradient : operands.Output;
        for (nint row = firstRow; row < firstRow + rows; row++)
        {
            nint offset = (row * layout.Columns) + (channel * layout.Fold);
            Target<T> target = new(output + offset, layout.Fold, isStreamed: false, ahead: 0);
            if (isProjected)
                HardGroup.Write(gradient, statistics, operands.Input + offset, input + offset, &weight, 0, target);
            else
                Map.Run<T, W, WideAffineMap<T, W>, Nothing>(new(input + offset, affine), target);
        }
    }
}
