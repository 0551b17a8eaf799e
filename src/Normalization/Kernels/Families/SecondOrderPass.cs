using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>
/// The derivative of y along directions, and backward through the backward pass: the sums of a group, each about the mean of what it
/// sums, then its elements while they are still in the cache. It computes in double.
/// </summary>
internal readonly unsafe partial struct SecondOrderPass<T, W> : IJob
    where T : unmanaged
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly GroupLayout* _layout;
    private readonly SecondOrderOperands<T>* _operands;

    // Σ dy · r · P(v) of each unit, or of each column of each block of rows.
    private readonly double* _products;

    // Where each element has a weight, the rows that have all weights are cut into blocks with sums of their own.
    private readonly RowBlocks _blocks;

    private SecondOrderPass(GroupLayout* layout, SecondOrderOperands<T>* operands, double* products, in RowBlocks blocks)
    {
        _layout = layout;
        _operands = operands;
        _products = products;
        _blocks = blocks;
    }

    private bool HasColumns => _layout->IsElementwise && _operands->WeightGradient != null;

    private bool IsProjected => !_operands->HasFixedStatistics;

    // From the sums of one block to those of the next. A vector reaches past the last column, and blocks belong to different threads.
    private nint BlockStride => RawMemory.PaddedLength(_layout->Coefficients);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run(in GroupLayout layout, in SecondOrderOperands<T> operands)
    {
        int degree = Partition.DegreeFor(layout.Elements * sizeof(T));
        bool hasColumns = layout.IsElementwise && operands.WeightGradient != null;
        RowBlocks blocks = hasColumns ? new(layout.Groups / layout.CoefficientPeriod, layout.Coefficients, 1, nint.MaxValue) : default;
        nint products = operands.WeightGradient == null ? 0
            : hasColumns ? blocks.Count * RawMemory.PaddedLength(layout.Coefficients)
            : layout.Units;
        using var scratch = new Scratch<double>(products);
        scratch.Span.Clear();
        fixed (GroupLayout* pLayout = &layout)
        fixed (SecondOrderOperands<T>* pOperands = &operands)
        fixed (double* pProducts = scratch.Span)
        {
            var job = new SecondOrderPass<T, W>(pLayout, pOperands, pProducts, blocks);
            Partition.For(job, hasColumns ? blocks.Count : layout.Groups, degree);
            job.SumProducts();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        if (!HasColumns)
        {
            for (nint group = start; group < end; group++)
                RunGroup(group, null);
            return;
        }
        nint period = _layout->CoefficientPeriod;
        for (nint block = start; block < end; block++)
        {
            (nint first, nint count) = _blocks[block];
            for (nint group = first * period; group < (first + count) * period; group++)
                RunGroup(group, _products + (block * BlockStride) + (group % period * _layout->Unit.Length));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunGroup(nint group, double* columns)
    {
        ref readonly GroupStatistics statistics = ref _operands->Statistics[group % _layout->StatisticsPeriod];
        bool isBackward = _operands->InputGradient != null, isCurved = isBackward && IsProjected && _operands->InputDirection != null;
        double r = statistics.InverseStandardDeviation;
        GroupProjection direction = Project(group, statistics, _operands->InputDirection, null, 1);
        GroupProjection gradient = isCurved
            ? Project(group, statistics, _operands->OutputGradient, _operands->Weight, 1)
            : default;
        GroupProjection weighted = isBackward && _operands->WeightDirection != null
            ? Project(group, statistics, _operands->OutputGradient, _operands->WeightDirection, 0)
            : default;
        SecondOrderMeans means = isCurved
            ? new(ProductOf(group, statistics, direction, gradient) / _layout->Group.Elements, direction.Slope, gradient.Slope)
            : default;
        if (columns != null)
        {
            nint offset = group * _layout->GroupStride;
            ColumnProducts.Add(
                Input(offset, statistics), Elements(_operands->InputDirection, offset, new(null, 1), direction), r,
                _operands->OutputGradient + offset, _layout->Unit.Length, columns);
        }
        else if (_operands->WeightGradient != null)
        {
            SumUnits(group, statistics, direction);
        }
        for (nint unit = group * _layout->UnitsPerGroup; unit < (group + 1) * _layout->UnitsPerGroup; unit++)
        {
            for (nint i = 0; i < _layout->Unit.Segments; i++)
            {
                Segment segment = _layout->Unit[i];
                nint offset = (unit * _layout->UnitStride) + segment.Offset;
                NormalizedElements<T, W> input = Input(offset, statistics);
                ProjectedElements<T, W> along = Elements(_operands->InputDirection, offset, new(null, 1), direction);
                ElementFactor<T, W> weight = FactorOf(_operands->Weight, unit, segment, 1);
                ElementFactor<T, W> weightDirection = FactorOf(_operands->WeightDirection, unit, segment, 0);
                if (isBackward)
                {
                    T* dy = _operands->OutputGradient, scaled = _operands->WeightDirection == null ? null : dy;
                    SecondGradientMap<T, W> map = new(
                        input, Elements(dy, offset, weight, gradient), along, Elements(scaled, offset, weightDirection, weighted), r,
                        means, isCurved, _layout->Unit.Stride);
                    Write<SecondGradientMap<T, W>>(map, segment, _operands->InputGradient + offset);
                }
                if (_operands->OutputDerivative != null)
                {
                    DerivativeMap<T, W> map = new(
                        input, along, r, weight, weightDirection, _operands->WeightDirection != null,
                        FactorOf(_operands->BiasDirection, unit, segment, 0), _layout->Unit.Stride);
                    Write<DerivativeMap<T, W>>(map, segment, _operands->OutputDerivative + offset);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write<TMap>(in TMap map, in Segment segment, T* output) where TMap : struct, IMap<TMap, TMap, W, NoColumn> =>
        Map.Run<T, W, TMap, TMap, NoColumn>(
            map, 0, segment.Slices, areFour: false, new Target<T>(output, segment.Length, isStreamed: false, ahead: 0),
            _layout->Unit.Stride);
}
