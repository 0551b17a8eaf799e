using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <summary>
/// Down the columns of each sample by itself. Where samples keep all threads busy, or are small, each belongs to one thread; otherwise
/// the threads share one sample after another. A sample has the same bits either way.
/// </summary>
internal readonly unsafe struct SampleColumns<T, V, W, TPass> : IWorkerJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
    where TPass : struct, IColumnPass<TPass, T>
{
    private readonly Route* _route;
    private readonly TPass _pass;
    private readonly WorkerScratch _memory;

    private SampleColumns(Route* route, in TPass pass, in WorkerScratch memory)
    {
        _route = route;
        _pass = pass;
        _memory = memory;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run(in Route route, in TPass pass)
    {
        ColumnLayout layout = route.Columns;
        long bytes = (long)layout.Rows * layout.Columns * sizeof(T);
        int degree = Partition.DegreeFor(layout.Samples * bytes);
        if (degree > 1 && !Partition.KeepsBusy(layout.Samples, degree) && Partition.DegreeFor(bytes) > 1)
        {
            for (nint sample = 0; sample < layout.Samples; sample++)
                ColumnKernel<T, V, W, TPass>.Run(route, pass.OfSample(layout, sample));
            return;
        }
        nint size = ColumnKernel<T, V, W, TPass>.SampleSize(layout, pass);
        using var scratch = new Scratch<double>(WorkerScratch.Size((nint)Math.Min(degree, layout.Samples), size));
        fixed (double* memory = scratch.Span)
        fixed (Route* pRoute = &route)
            Partition.ForWorkers(new SampleColumns<T, V, W, TPass>(pRoute, pass, new(memory, size)), layout.Samples, degree);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end, int worker)
    {
        for (nint sample = start; sample < end; sample++)
            ColumnKernel<T, V, W, TPass>.RunSample(*_route, _pass.OfSample(_route->Columns, sample), _memory[worker]);
    }
}

/// <summary>Forward and backward over samples with their channels last: one channel of each group, or several.</summary>
internal static unsafe class SampleColumns<T, V, W>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    public static void Forward<TSource, TEpilogue>(in Route route, in ForwardOperands<T> operands, in TSource source, in TEpilogue epilogue)
        where TSource : struct, ISource<TSource, T>
        where TEpilogue : struct, IEpilogue<TEpilogue, T>
    {
        ColumnForward<T, TSource, TEpilogue> channels = new(operands, source, epilogue);
        if (route.Columns.ChannelsPerGroup == 1)
        {
            SampleColumns<T, V, W, ColumnForward<T, TSource, TEpilogue>>.Run(route, channels);
        }
        else
        {
            SampleColumns<T, V, W, ColumnGroupForward<T, TSource, TEpilogue>>.Run(
                route, new(channels, operands, source, route.Columns.ChannelsPerGroup));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Backward(in Route route, in BackwardOperands<T> operands)
    {
        ColumnLayout layout = route.Columns;
        using var scratch = new Scratch<Sums>(layout.Samples * layout.Channels);
        fixed (Sums* sums = scratch.Span)
        {
            BackwardOperands<T> withSums = operands;
            withSums.SampleSums = sums;
            if (layout.ChannelsPerGroup == 1)
                SampleColumns<T, V, W, ColumnBackward<T, Off>>.Run(route, new(withSums));
            else
                SampleColumns<T, V, W, ColumnGroupBackward<T>>.Run(route, new(withSums, layout.ChannelsPerGroup));
            AddParameterGradients(layout, withSums);
        }
    }

    /// <summary>dβ = Σ dy and dγ = Σ dy · x̂ of each channel, its samples in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddParameterGradients(in ColumnLayout layout, in BackwardOperands<T> operands)
    {
        if (operands.WeightGradient == null && operands.BiasGradient == null)
            return;
        for (nint channel = 0; channel < layout.Channels; channel++)
        {
            CompensatedSum weightGradient = default, biasGradient = default;
            for (nint sample = 0; sample < layout.Samples; sample++)
            {
                ref readonly Sums sums = ref operands.SampleSums[(sample * layout.Channels) + channel];
                weightGradient.Add(sums.Product);
                biasGradient.Add(sums.Sum);
            }
            operands.AddParameterGradients<One>(channel, weightGradient.Value, biasGradient.Value);
        }
    }
}
