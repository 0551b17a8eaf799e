using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>What forward and backward down the columns do differently. What only some of them do has a default.</summary>
internal unsafe interface IColumnPass<TSelf, T>
    where TSelf : struct, IColumnPass<TSelf, T>
    where T : unmanaged
{
    static virtual bool IsBackward => false;

    /// <summary>Whether neighboring channels share statistics, so that the sums of all of them come before the first coefficient.</summary>
    static virtual bool HasGroups => false;

    /// <summary>Whether x̂ is added up too: where groups of doubles take dy about a pivot.</summary>
    static virtual bool HasInputSums => false;

    /// <summary>Whether sums in double also correct the mean of x, which the forward pass has computed from sums in float.</summary>
    static virtual bool MayBeRefined => false;

    /// <summary>How many tensors the pass reads and writes.</summary>
    static abstract int Streams { get; }

    /// <summary>Whether dy is taken about a pivot: it is in double, which has no digits to spare.</summary>
    static virtual bool HasOutputPivots => false;

    /// <summary>Whether dy goes back through ReLU by x alone, with a sign and a bound of each channel.</summary>
    static virtual bool HasRelu => false;

    static virtual double* InputSigns(in TSelf pass) => null;

    static virtual double* LeastInputs(in TSelf pass) => null;

    bool NeedsSums { get; }

    bool WritesOutput { get; }

    /// <summary>The same pass over one of the samples of a layout.</summary>
    TSelf OfSample(in ColumnLayout layout, nint sample);

    /// <summary>What the sums of some channels are taken about.</summary>
    void FillPivots(in ColumnLayout layout, in ColumnTile tile, double* pivots);

    /// <summary>What dy of some channels is taken about, where <see cref="HasOutputPivots"/>.</summary>
    static virtual void FillOutputPivots(in TSelf pass, in ColumnLayout layout, in ColumnTile tile, double* pivots)
    {
    }

    /// <summary>Whether the sums are first taken in float.</summary>
    bool IsNarrow(in ColumnLayout layout);

    /// <summary>Adds rows to the sums of their columns.</summary>
    void AddRows<V>(in ColumnRows rows, in ColumnTerms terms, void* sums, void* products) where V : unmanaged, ISimd<V, T>;

    /// <summary>Adds x alone, where <see cref="HasInputSums"/> or <see cref="MayBeRefined"/>.</summary>
    static virtual void AddInputs<V>(in TSelf pass, in ColumnRows rows, void* pivots, void* sums, void* squares)
        where V : unmanaged, ISimd<V, T>
    {
    }

    /// <summary>Whether sums in float were enough for each of some channels.</summary>
    bool HoldInFloats<TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product)
        where TLanes : unmanaged, ILanes<TLanes>;

    /// <summary>How far the mean of a channel moves, from the sum of x about the pivot, where <see cref="MayBeRefined"/>.</summary>
    static virtual double MoveOfMean(in TSelf pass, in ColumnLayout layout, nint channel, double sum) => 0;

    /// <summary>
    /// Computes statistics or gradients, and coefficients, from the sums of some channels. Returns false, and has done nothing, where
    /// one of several channels must be computed alone.
    /// </summary>
    bool TryFinish<W, TLanes>(in ColumnLayout layout, nint channel, TLanes sum, TLanes product, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
        where TLanes : unmanaged, ILanes<TLanes>;

    /// <summary>Keeps the sum of x of a channel, where <see cref="HasInputSums"/>.</summary>
    static virtual void KeepInput(in TSelf pass, nint channel, double sum)
    {
    }

    /// <summary>Computes what all groups need of the sums of all channels, where <see cref="HasGroups"/>.</summary>
    static virtual void FinishGroups<W>(in TSelf pass, in ColumnLayout layout, in ColumnCoefficients coefficients)
        where W : unmanaged, IWideSimd<W, T>
    {
    }

    /// <summary>The elementwise pass over some rows, with the coefficients of each column.</summary>
    void Write<V>(in ColumnRows rows, in ColumnCoefficients columns) where V : unmanaged, ISimd<V, T>;

    /// <summary>The same for the columns of one channel whose coefficients leave the range of a double.</summary>
    void WriteHard<W>(in ColumnRows rows, nint channel, in ColumnCoefficients coefficients) where W : unmanaged, IWideSimd<W, T>;
}

/// <summary>
/// What the sums are taken about, and which x ReLU passes: a number of each column, of the compute type. What a pass does not have is
/// undefined.
/// </summary>
internal readonly unsafe struct ColumnTerms(void* pivots, void* outputPivots, void* signs, void* least)
{
    public readonly void* Pivots = pivots;
    public readonly void* OutputPivots = outputPivots;
    public readonly void* Signs = signs;
    public readonly void* Least = least;
}

/// <summary>Some rows of a tile, and how they are written.</summary>
internal readonly unsafe record struct ColumnRows(
    nint Offset, nint Stride, nint Rows, nint Columns, bool AreFour, bool IsStreamed, nint Ahead)
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<T, V, TRows, TMap, TColumn>(in TRows rows, T* output)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where TRows : struct
        where TMap : struct, IMap<TMap, TRows, V, TColumn>
        where TColumn : struct =>
        Map.Run<T, V, TRows, TMap, TColumn>(rows, 0, Rows, AreFour, new(output + Offset, Columns, IsStreamed, Ahead), Stride);
}
