using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// Backward over rows with a weight for each element. The shape fixes the blocks of rows. Each block gathers parameter gradients of its
/// own, which are added in the order of the blocks. A block is computed in tiles of rows that stay in the cache from the sums to the
/// input gradient.
/// </summary>
internal readonly unsafe struct RowBackward<T, V, W> : IJob, IStagedJob<T, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private const nint RowsOfDoubles = 64;

    private readonly GroupLayout* _layout;
    private readonly BackwardOperands<T>* _operands;
    private readonly double* _partials;
    private readonly nint _ahead;
    private readonly RowBlocks _blocks;
    private readonly bool _isStreamed;
    private readonly bool _isStaged;

    private RowBackward(GroupLayout* layout, BackwardOperands<T>* operands, in RowBlocks blocks, double* partials, bool isStreamed)
    {
        _layout = layout;
        _operands = operands;
        _blocks = blocks;
        _partials = partials;
        _ahead = Thresholds.Ahead(2 * layout->Elements * sizeof(T), Thresholds.RowsAtOnce * layout->Unit.Length);
        _isStreamed = isStreamed;
        _isStaged = !isStreamed && Thresholds.IsStaged(3 * layout->Elements * sizeof(T), layout->Unit.Length * sizeof(T));
    }

    private nint Width => _layout->Unit.Length;

    private nint PaddedParameters => Padded(_layout->Coefficients);

    /// <summary>Accumulators are read and written in whole vectors of up to 8, from the start of any row of a period on.</summary>
    private static nint Padded(nint parameters) => (parameters + 14) & ~7;

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run(in GroupLayout layout, in BackwardOperands<T> operands)
    {
        long bytes = layout.Elements * sizeof(T);
        int degree = Partition.DegreeFor(bytes);
        bool isStreamed = Thresholds.IsStreamed(3 * bytes, layout.Unit.Length * sizeof(T), operands.InputGradient);
        // Sums of doubles start again at zero after fewer rows. Fewer rows round off less.
        nint most = typeof(T) == typeof(double) ? RowsOfDoubles : nint.MaxValue;
        var blocks = new RowBlocks(layout.Groups, layout.Unit.Length, layout.CoefficientPeriod, most);
        nint padded = Padded(layout.Coefficients);
        using var scratch = new Scratch<double>(RawMemory.PaddedLength((blocks.Count + 1) * 2 * padded));
        fixed (GroupLayout* pLayout = &layout)
        fixed (BackwardOperands<T>* pOperands = &operands)
        fixed (double* memory = scratch.Span)
        {
            double* partials = RawMemory.AtLine(memory);
            var job = new RowBackward<T, V, W>(pLayout, pOperands, blocks, partials, isStreamed);
            Partition.For(job, blocks.Count, degree);
            ColumnReduction.AddUp<T, W>(partials, blocks.Count, 2 * padded, partials + (blocks.Count * 2 * padded));
            RowGradients<T, V, W>.Accumulate(operands, 0, partials, partials + padded, layout.Coefficients);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end) => Staging<T, V>.Run(this, _operands->InputGradient, _isStaged, start, end);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end, ref Staging<T, V> output)
    {
        for (nint block = start; block < end; block++)
        {
            double* sums = _partials + (2 * block * PaddedParameters);
            new Span<double>(sums, (int)(2 * PaddedParameters)).Clear();
            (nint row, nint rows) = _blocks[block];
            for (nint last = row + rows, count; row < last; row += count)
            {
                // Rows that share their weights go together.
                bool areFour = _layout->SharesWeights && row + Thresholds.RowsAtOnce <= last;
                count = areFour ? Thresholds.RowsAtOnce : 1;
                T* place = _isStaged ? output.Next(row * Width, count * Width) : _operands->InputGradient;
                RunRows(row, areFour, sums, sums + PaddedParameters, place);
            }
        }
        if (_isStreamed)
            Fence.Publish();
    }

    /// <summary>The sums of one row or four, then their input gradients while they are still in the cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunRows(nint row, bool areFour, double* sums, double* products, T* output)
    {
        Sums* rowSums = stackalloc Sums[Thresholds.RowsAtOnce];
        GradientAffine* affines = stackalloc GradientAffine[Thresholds.RowsAtOnce];
        double* pivots = stackalloc double[Thresholds.RowsAtOnce];
        for (nint i = 0; typeof(T) == typeof(double) && i < (areFour ? Thresholds.RowsAtOnce : 1); i++)
            pivots[i] = RowGradients<T, V, W>.Pivot(*_layout, *_operands, row + i);
        nint offset = row * Width, weight = row % _layout->CoefficientPeriod * Width;
        var rows = new WeightedRows<T>(
            _operands->Input + offset, _operands->OutputGradient + offset, _operands->Weight + weight, Width,
            _operands->Statistics + row, pivots, affines, step: 1);
        RowGradientReduction.Run<T, W>(rows, areFour, Width, _ahead, rowSums, sums + weight, products + weight);
        RowGradients<T, V, W>.SetCoefficients(rows, areFour, _layout->Unit, _operands->IsCentered, rowSums);
        RowGradients<T, V, W>.Write(rows, areFour, new(output + offset, Width, _isStreamed, _ahead));
    }
}
