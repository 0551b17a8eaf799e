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
internal readonly unsafe struct RowBackward<T, V, W, TParts> : IWorkerJob, IStagedJob<T, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TParts : struct, IRowParts<T>
{
    private const nint RowsOfDoubles = 64;

    private readonly GroupLayout* _layout;
    private readonly BackwardOperands<T>* _operands;
    private readonly double* _partials;
    private readonly nint _ahead;
    private readonly RowBlocks _blocks;
    private readonly bool _isStreamed;
    private readonly bool _isStaged;
    private readonly WorkerScratch _memory;
    private readonly int _worker;

    private RowBackward(
        GroupLayout* layout, BackwardOperands<T>* operands, in RowBlocks blocks, double* partials, in WorkerScratch memory, bool isStreamed)
    {
        _layout = layout;
        _operands = operands;
        _blocks = blocks;
        _partials = partials;
        _memory = memory;
        if (TParts.AreTurned)
            return;
        _ahead = Thresholds.Ahead(2 * layout->Elements * sizeof(T), RowsTogether * layout->Unit.Length);
        _isStreamed = isStreamed;
        _isStaged = !isStreamed && Thresholds.IsStaged(3 * layout->Elements * sizeof(T), layout->Unit.Length * sizeof(T));
    }

    private RowBackward(in RowBackward<T, V, W, TParts> job, BackwardOperands<T>* operands, int worker)
    {
        this = job;
        _operands = operands;
        _worker = worker;
    }

    private nint Width => _layout->Unit.Length;

    private bool IsNarrow => NarrowRowGradients.Cover<T>(Width);

    private nint RowsTogether => NarrowRowGradients.AreShort<T>(Width) ? Thresholds.MostGroups(Width * sizeof(T)) : Thresholds.RowsAtOnce;

    private nint PaddedParameters => Padded(_layout->Coefficients);

    /// <summary>Accumulators are read and written in whole vectors of up to 16, from the start of any row of a period on.</summary>
    private static nint Padded(nint parameters) => (parameters + 30) & ~15;

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
        nint room = TParts.Room(layout, operands);
        room += ParameterSums<T>.Room(padded);
        using var gradientScratch = new Scratch<double>(WorkerScratch.Size(room == 0 ? 0 : degree, room));
        fixed (GroupLayout* pLayout = &layout)
        fixed (BackwardOperands<T>* pOperands = &operands)
        fixed (double* memory = scratch.Span, gradients = gradientScratch.Span)
        {
            double* partials = RawMemory.AtLine(memory);
            var job = new RowBackward<T, V, W, TParts>(
                pLayout, pOperands, blocks, partials, new(gradients, room), isStreamed);
            Partition.ForWorkers(job, blocks.Count, degree);
            ColumnReduction.AddUp<T, W>(partials, blocks.Count, 2 * padded, partials + (blocks.Count * 2 * padded));
            RowGradients<T, V, W>.Accumulate(operands, 0, partials, partials + padded, layout.Coefficients);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end, int worker) => Staging<T, V>.Run(
        new RowBackward<T, V, W, TParts>(this, _operands, worker), _operands->InputGradient, _isStaged, start, end);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint stop, ref Staging<T, V> output)
    {
        nint room = ParameterSums<T>.Room(PaddedParameters);
        double* floats = _memory[_worker], memory = floats + room;
        new Span<double>(floats, (int)room).Clear();
        for (nint block = start; block < stop; block++)
        {
            var sums = ParameterSums<T>.Begin(_partials + (2 * block * PaddedParameters), floats, PaddedParameters);
            (nint first, nint rows) = _blocks[block];
            nint end = first + rows, atOnce = TParts.Rows(*_layout, *_operands);
            for (nint row = first, last; row < end; row = last)
            {
                last = row + Math.Min(atOnce, end - row);
                if (TParts.ArePlain)
                {
                    RunPart(row, last, row - first, sums, ref output);
                    continue;
                }
                BackwardOperands<T> own = TParts.Of(_layout, *_operands, memory, row, last);
                new RowBackward<T, V, W, TParts>(this, &own, _worker).RunPart(row, last, row - first, sums, ref output);
                TParts.Finish(_layout, *_operands, memory, row, last);
            }
            if (IsNarrow)
                sums.Move<V, W>(_layout->Coefficients);
        }
        if (_isStreamed)
            Fence.Publish();
    }

    /// <summary>Neighboring rows of a block, of which so many rows are done.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunPart(nint row, nint last, nint done, in ParameterSums<T> sums, ref Staging<T, V> output)
    {
        // Rows that share their weights go together.
        nint most = _layout->SharesWeights ? RowsTogether : 1;
        nint rowsInFloats = NarrowRowGradients.RowsInFloats * _layout->CoefficientPeriod;
        for (nint count; row < last; row += count, done += count)
        {
            nint left = Math.Min(most, last - row);
            count = left < Thresholds.RowsAtOnce ? 1 : left - (left % Thresholds.RowsAtOnce);
            T* place = _isStaged ? output.Next(row * Width, count * Width) : _operands->InputGradient;
            RunRows(row, count, sums, place);
            if (IsNarrow && done / rowsInFloats != (done + count) / rowsInFloats)
                sums.Move<V, W>(_layout->Coefficients);
        }
    }

    /// <summary>The sums of one row or of several fours, then their input gradients while they are still in the cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunRows(nint row, nint count, in ParameterSums<T> sums, T* output)
    {
        Sums* rowSums = stackalloc Sums[Thresholds.BatchGroups];
        GradientAffine* affines = stackalloc GradientAffine[Thresholds.BatchGroups];
        double* pivots = stackalloc double[Thresholds.RowsAtOnce];
        for (nint i = 0; typeof(T) == typeof(double) && i < count; i++)
            pivots[i] = RowGradients<T, V, W>.Pivot(*_layout, *_operands, row + i);
        nint offset = row * Width, weight = row % _layout->CoefficientPeriod * Width;
        var rows = new WeightedRows<T>(
            _operands->Input + offset, _operands->OutputGradient + offset, _operands->Weight + weight, Width,
            _operands->Statistics + row, pivots, affines, step: 1);
        for (nint i = 0; i < count; i += Thresholds.RowsAtOnce)
            RowGradientReduction.Run<T, V, W>(rows.Down(i), count > 1, IsNarrow, Width, _ahead, rowSums + i, sums.At(weight));
        Target<T> target = new(output + offset, Width, _isStreamed, _ahead);
        RowGradients<T, V, W>.Write(rows, count, _layout->Unit, _operands->IsCentered, rowSums, target);
    }
}
