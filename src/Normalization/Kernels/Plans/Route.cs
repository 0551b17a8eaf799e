using System.Runtime.InteropServices;

namespace Normalization.Kernels.Plans;

/// <summary>
/// The kernels: down columns, down the columns of each sample, along slices that share their coefficients, along rows with a weight for
/// each element, along tiles of such rows that do not fit the cache, across the channels around each element.
/// </summary>
internal enum Family { Columns, SampleColumns, Slices, Rows, LongRows, Windows }

/// <summary>
/// What a pass computes: the output, the gradients of the input and of parameters, that of the input alone, or derivatives along
/// directions and of a backward pass.
/// </summary>
internal enum Direction { Forward, Backward, InputGradient, SecondOrder }

/// <summary>
/// Which kernel runs, and on which layout. The layouts share their memory, because a copy of all would cost a short row much.
/// </summary>
[StructLayout(LayoutKind.Explicit)]
internal struct Route
{
    private const int Layout = 32;

    [FieldOffset(0)]
    public Direction Direction;

    [FieldOffset(4)]
    public Family Family;

    /// <summary>How many rows are always written side by side, so that what they share is read once for all of them.</summary>
    [FieldOffset(8)]
    public int RowsAtOnce;

    /// <summary>Whether the kernel runs on the transposed tensor.</summary>
    [FieldOffset(12)]
    public bool IsTransposed;

    /// <summary>How often each weight is repeated before a kernel sees it.</summary>
    [FieldOffset(16)]
    public nint Repetition;

    /// <summary>The layout of <see cref="Family.Columns"/>, or of one sample of <see cref="Family.SampleColumns"/>.</summary>
    [FieldOffset(Layout)]
    public ColumnLayout Columns;

    /// <summary>The layout of <see cref="Family.Windows"/>.</summary>
    [FieldOffset(Layout)]
    public WindowLayout Windows;

    /// <summary>The layout of the other families.</summary>
    [FieldOffset(Layout)]
    public GroupLayout Groups;

    /// <summary>Whether the kernel reads a weight for each element, which has to be there.</summary>
    public readonly bool HasElementwiseWeights => Family is Family.Rows or Family.LongRows;
}
