using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// Backward through what follows the norm. A tile of a row at a time: first the gradients of all its elements, then the sums over them.
/// Sums over the elements of a block have the order of <see cref="Reduction"/>; sums down the rows of a block are those of 64 rows, added
/// in order.
/// </summary>
internal readonly unsafe struct EpilogueBackward<T, V, W, TActivation>(in EpilogueOperands<T> operands) : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TActivation : IActivation
{
    private const nint RowsAddedPlainly = 64;

    private readonly EpilogueOperands<T> _operands = operands;
    private readonly bool _hasSums = operands.ScaleGradient != null || operands.ShiftGradient != null;

    public static void Run(in EpilogueOperands<T> operands)
    {
        EpilogueLayout layout = operands.Layout;
        Partition.For(
            new EpilogueBackward<T, V, W, TActivation>(operands),
            layout.Blocks * layout.TilesPerBlock,
            Partition.DegreeFor((long)layout.Elements * sizeof(T)));
    }

    /// <summary>The same on this thread, inside another job.</summary>
    public static void RunPart(in EpilogueOperands<T> operands) =>
        new EpilogueBackward<T, V, W, TActivation>(operands).Run(0, operands.Layout.Blocks * operands.Layout.TilesPerBlock);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        EpilogueLayout layout = _operands.Layout;
        T* gradients = stackalloc T[EpilogueLayout.Tile];
        // Σ dz and Σ dz · n of each column, over some rows and over all of them.
        double* sums = stackalloc double[4 * EpilogueLayout.Tile];
        for (nint item = start; item < end; item++)
        {
            nint block = item / layout.TilesPerBlock, first = item % layout.TilesPerBlock * EpilogueLayout.Tile;
            if (layout.IsElementwise)
                RunColumns(block, first, Math.Min(EpilogueLayout.Tile, layout.Length - first), gradients, sums);
            else
                RunBlock(block, gradients);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunBlock(nint block, T* gradients)
    {
        TotalSums total = default;
        nint start = block * _operands.Layout.Rows * _operands.Layout.Length;
        nint end = Math.Min(start + (_operands.Layout.Rows * _operands.Layout.Length), _operands.Layout.Elements);
        for (nint offset = start; offset < end; offset += EpilogueLayout.Tile)
        {
            nint length = Math.Min(EpilogueLayout.Tile, end - offset);
            RunTile(block, 0, offset, length, gradients);
            if (_hasSums)
                total.Add(Reduction.Run<T, W, GradientTerms<T, W>>(new(_operands.Input + offset, gradients, 0, 0), 1, length, 0));
        }
        Store(_operands.ShiftGradient, block, total.Value.Sum);
        Store(_operands.ScaleGradient, block, total.Value.Product);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunColumns(nint block, nint first, nint length, T* gradients, double* sums)
    {
        EpilogueLayout layout = _operands.Layout;
        double* totals = sums + (2 * EpilogueLayout.Tile);
        new Span<double>(sums, 4 * EpilogueLayout.Tile).Clear();
        for (nint row = 0; row < layout.Rows; row++)
        {
            nint offset = (((block * layout.Rows) + row) * layout.Length) + first;
            RunTile(block, first, offset, length, gradients);
            if (!_hasSums)
                continue;
            AddRow(_operands.Input + offset, gradients, length, sums);
            if (row % RowsAddedPlainly == RowsAddedPlainly - 1)
                Flush(sums, totals);
        }
        Flush(sums, totals);
        for (nint i = 0; i < length && _hasSums; i++)
        {
            nint at = (block * layout.Length) + first + i;
            Store(_operands.ShiftGradient, at, totals[i]);
            Store(_operands.ScaleGradient, at, totals[EpilogueLayout.Tile + i]);
        }
    }

    /// <summary>The gradients of a tile: dz, which the sums need, and what is written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunTile(nint block, nint column, nint offset, nint length, T* gradients)
    {
        var map = new EpilogueMap<T, V>(_operands, block, column, offset);
        nint i = 0;
        for (; i + V.Count <= length; i += V.Count)
        {
            V dz = TActivation.Gradient<V, T>(map.At(i, default(Whole)), V.Load(_operands.OutputGradient + offset + i));
            if (_operands.SkipGradient != null)
                V.Store(_operands.SkipGradient + offset + i, dz);
            if (_operands.InputGradient != null)
                V.Store(_operands.InputGradient + offset + i, map.Back(i, dz, default(Whole)));
            V.Store(gradients + i, dz);
        }
        if (i < length)
        {
            var part = new Part(length - i);
            V dz = TActivation.Gradient<V, T>(map.At(i, part), part.Load<V, T>(_operands.OutputGradient + offset + i));
            if (_operands.SkipGradient != null)
                V.StorePart(_operands.SkipGradient + offset + i, dz, part.Count);
            if (_operands.InputGradient != null)
                V.StorePart(_operands.InputGradient + offset + i, map.Back(i, dz, part), part.Count);
            V.StorePart(gradients + i, dz, part.Count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddRow(T* input, T* gradients, nint length, double* sums)
    {
        double* products = sums + EpilogueLayout.Tile;
        for (nint i = 0; i < length; i += W.Count)
        {
            // What is not loaded is zero and changes no sum.
            var part = new Part(Math.Min(W.Count, length - i));
            W dz = i + W.Count <= length ? W.Load(gradients + i) : part.Load<W, T>(gradients + i);
            W n = i + W.Count <= length ? W.Load(input + i) : part.Load<W, T>(input + i);
            W.StoreDoubles(sums + i, W.LoadDoubles(sums + i) + dz);
            W.StoreDoubles(products + i, W.FusedMultiplyAdd(dz, n, W.LoadDoubles(products + i)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Flush(double* sums, double* totals)
    {
        for (nint i = 0; i < 2 * EpilogueLayout.Tile; i++)
        {
            totals[i] += sums[i];
            sums[i] = 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(T* destination, nint at, double value)
    {
        if (destination != null)
            destination[at] = Element.FromDouble<T>(value);
    }
}
