namespace Normalization.Kernels.Plans;

/// <summary>
/// The kernels: down columns, along slices that share their coefficients, along rows with a weight for each element, along tiles of such
/// rows that do not fit the cache, across the channels around each element.
/// </summary>
internal enum Family { Columns, Slices, Rows, LongRows, Windows }

/// <summary>
/// What a pass computes: the output, the gradients of the input and of parameters, that of the input alone, or derivatives along
/// directions and of a backward pass.
/// </summary>
internal enum Direction { Forward, Backward, InputGradient, SecondOrder }

/// <summary>Which kernel runs, and on which layout.</summary>
internal struct Route
{
    public Direction Direction { get; init; }

    public Family Family { get; init; }

    /// <summary>The layout of <see cref="Family.Columns"/>.</summary>
    public ColumnLayout Columns { get; init; }

    /// <summary>The layout of <see cref="Family.Windows"/>.</summary>
    public WindowLayout Windows { get; init; }

    /// <summary>The layout of the other families.</summary>
    public GroupLayout Groups;

    /// <summary>How many rows are always written side by side, so that what they share is read once for all of them.</summary>
    public nint RowsAtOnce { get; init; }

    /// <summary>How often each weight is repeated before a kernel sees it.</summary>
    public nint Repetition { get; init; }

    /// <summary>Whether the kernel runs on the transposed tensor.</summary>
    public bool IsTransposed { get; init; }

    /// <summary>Whether the kernel reads a weight for each element, which has to be there.</summary>
    public readonly bool HasElementwiseWeights => Family is Family.Rows or Family.LongRows;
}
