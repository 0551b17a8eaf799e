using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Families;

/// <content>The phases as jobs that threads share.</content>
internal readonly unsafe partial struct ColumnKernel<T, V, W, TPass>
{
    /// <summary>The elementwise pass over some rows of some channels.</summary>
    private readonly ref struct TileProgram(
        ref readonly ColumnKernel<T, V, W, TPass> kernel, nint firstChannel, nint firstRow, nint rows, int worker) : IElementProgram<T>
    {
        private readonly ref readonly ColumnKernel<T, V, W, TPass> _kernel = ref kernel;
        private readonly nint _firstChannel = firstChannel;
        private readonly nint _firstRow = firstRow;
        private readonly nint _rows = rows;
        private readonly int _worker = worker;

        public bool HasOptional => false;

        public Arithmetic ArithmeticOf(nint channel) => _kernel._coefficients.Arithmetic[_firstChannel + channel];

        public void Run<TVector, THasOptional>(nint first, nint count)
            where TVector : unmanaged, ISimd<TVector, T>
            where THasOptional : struct, IFlag =>
            _kernel.Apply<TVector>(_kernel._layout.TileOf(_firstChannel + first, count), _firstRow, _rows, _worker);

        public void RunHard<TWide>(nint channel) where TWide : unmanaged, IWideSimd<TWide, T>
        {
            ColumnTile part = _kernel._layout.TileOf(_firstChannel + channel, 1);
            nint stride = _kernel._layout.Columns, offset = (_firstRow * stride) + part.FirstColumn;
            ColumnRows rows = new(offset, stride, _rows, part.Columns, AreFour: false, IsStreamed: false, Ahead: 0);
            _kernel._pass.WriteHard<TWide>(rows, part.FirstChannel, _kernel._coefficients);
        }
    }

    private readonly struct TileBlockSums(ColumnKernel<T, V, W, TPass> kernel) : IJob
    {
        private readonly ColumnKernel<T, V, W, TPass> _kernel = kernel;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end)
        {
            for (nint i = start; i < end; i++)
                _kernel.BlockSums(_kernel._layout.Tile(i % _kernel._layout.Tiles), i / _kernel._layout.Tiles);
        }
    }

    private readonly struct Channels(ColumnKernel<T, V, W, TPass> kernel) : IJob
    {
        private readonly ColumnKernel<T, V, W, TPass> _kernel = kernel;

        public void Run(nint start, nint end) => _kernel.Finish(start, end);
    }

    private readonly struct TileBlocks(ColumnKernel<T, V, W, TPass> kernel) : IWorkerJob
    {
        private readonly ColumnKernel<T, V, W, TPass> _kernel = kernel;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Run(nint start, nint end, int worker)
        {
            for (nint i = start; i < end; i++)
            {
                (nint first, nint rows) = _kernel._layout.Blocks[i / _kernel._layout.Tiles];
                _kernel.Apply(_kernel._layout.Tile(i % _kernel._layout.Tiles), first, rows, worker);
            }
            if (_kernel._isStreamed)
                Fence.Publish();
        }
    }
}
