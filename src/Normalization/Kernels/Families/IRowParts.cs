using Normalization.Kernels.Plans;

namespace Normalization.Kernels.Families;

/// <summary>
/// Where the backward pass of rows finds its rows. A pass takes some neighboring rows at a time. Rows that are not in memory as the pass
/// needs them are computed or moved into memory of the thread.
/// </summary>
internal unsafe interface IRowParts<T> where T : unmanaged
{
    /// <summary>Whether all rows are in memory as the pass needs them.</summary>
    static abstract bool ArePlain { get; }

    /// <summary>Whether x, dy and dx are all in memory of the thread.</summary>
    static abstract bool AreTurned { get; }

    /// <summary>How many rows a thread takes at a time.</summary>
    static abstract nint Rows(in GroupLayout layout, in BackwardOperands<T> operands);

    /// <summary>How many doubles a thread needs for them.</summary>
    static abstract nint Room(in GroupLayout layout, in BackwardOperands<T> operands);

    /// <summary>The operands of the backward pass over the rows from first to last.</summary>
    static abstract BackwardOperands<T> Of(
        GroupLayout* layout, in BackwardOperands<T> operands, double* memory, nint first, nint last);

    /// <summary>Moves the gradients of these rows from the memory of the thread to the tensor.</summary>
    static abstract void Finish(GroupLayout* layout, in BackwardOperands<T> operands, double* memory, nint first, nint last);
}
