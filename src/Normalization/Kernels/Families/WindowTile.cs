using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>Neighboring positions of one sample with all channels, from where its first channel begins.</summary>
internal readonly unsafe struct WindowTile<T>(
    in WindowLayout layout, in WindowMemory<T> memory, T* x, T* dy, T* output, nint length, bool isStreamed)
    where T : unmanaged
{
    private const nint NoMask = -1;

    private readonly WindowLayout _layout = layout;
    private readonly WindowMemory<T> _memory = memory;
    private readonly T* _x = x;
    private readonly T* _dy = dy;
    private readonly T* _output = output;
    private readonly bool _isStreamed = isStreamed;

    /// <summary>The number of positions.</summary>
    public nint Length { get; } = length;

    public double Beta => _layout.Window.Beta;

    private nint Channels => _layout.Channels;

    private nint Stride => _layout.Positions;

    private nint Mask => _memory.RingLength - 1;

    /// <summary>Some of the positions.</summary>
    public WindowTile<T> Slice(nint start, nint length) =>
        new(_layout, _memory, _x + start, _dy == null ? null : _dy + start, _output + start, length, _isStreamed);

    /// <summary>For each position the sum of the squares of all channels; where channels lie side by side, the square of each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public ReadOnlySpan<T> SumSquares<V>() where V : unmanaged, ISimd<V, T>
    {
        (nint rows, nint length) = _layout.IsContiguous ? (1, Channels) : (Channels, Length);
        var sums = new Span<T>(_memory.Sums, (int)length);
        sums.Clear();
        for (nint row = 0; row < rows; row++)
        {
            Run<V, SquaresMap<T, V>>(
                new() { Input = _x + (row * Stride), Other = _memory.Sums }, _memory.Sums, length, isStreamed: false);
        }
        return sums;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run<V, TPower>()
        where V : unmanaged, ISimd<V, T>
        where TPower : struct, IPower<TPower, V>
    {
        if (_layout.IsContiguous)
            RunRow<V, TPower>();
        else if (_dy == null)
            RunForward<V, TPower>();
        else
            RunBackward<V, TPower>();
    }

    /// <summary>The channels of one position, which lie side by side: the window of an element is the row from there on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunRow<V, TPower>()
        where V : unmanaged, ISimd<V, T>
        where TPower : struct, IPower<TPower, V>
    {
        nint before = _layout.Before, after = _layout.After, window = before + 1 + after;
        T* x = _memory.Copy + before;
        var row = new Span<T>(_memory.Copy, (int)(before + Channels + after));
        row.Clear();
        new ReadOnlySpan<T>(_x, (int)Channels).CopyTo(row[(int)before..]);
        WindowOperands<T> all = RowOf(x, new(_memory.Copy, 0, window, 1, NoMask));
        all = all with { Other = _dy, Terms = _memory.Terms, FirstTerm = after };
        if (_dy == null)
        {
            Run<V, WindowMap<T, V, TPower>>(all, _output, Channels, isStreamed: false);
            return;
        }
        V zero = V.Broadcast(0);
        for (nint i = 0; i < after; i += V.Count)
            V.StoreCoefficients(_memory.Terms, i, zero);
        for (nint i = 0; i < before; i += V.Count)
            V.StoreCoefficients(_memory.Terms, after + Channels + i, zero);
        Run<V, WindowTermMap<T, V, TPower>>(all, _memory.Direct, Channels, isStreamed: false);
        WindowRows terms = new(_memory.Terms, 0, window, 1, NoMask);
        Run<V, WindowGradientMap<T, V>>(
            new() { Input = x, Other = _memory.Direct, Window = terms }, _output, Channels, isStreamed: false);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunForward<V, TPower>()
        where V : unmanaged, ISimd<V, T>
        where TPower : struct, IPower<TPower, V>
    {
        bool isInPlace = _x == _output;
        nint copied = 0;
        for (nint channel = 0; channel < Channels; channel++)
        {
            T* x = _x + (channel * Stride);
            WindowRows rows = RowsOf(channel);
            if (isInPlace)
            {
                for (; copied < Math.Min(Channels, channel + _layout.After + 1); copied++)
                    new ReadOnlySpan<T>(_x + (copied * Stride), (int)Length).CopyTo(new(_memory.Copy + RingOffset(copied), (int)Length));
                x = _memory.Copy + RingOffset(channel);
                rows = RingOf(_memory.Copy, channel, _layout.Before, _layout.After);
            }
            Run<V, WindowMap<T, V, TPower>>(RowOf(x, rows), _output + (channel * Stride), Length, _isStreamed);
        }
    }

    /// <summary>
    /// A channel is written once its window has come by. dx may be dy: what is written has been read.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void RunBackward<V, TPower>()
        where V : unmanaged, ISimd<V, T>
        where TPower : struct, IPower<TPower, V>
    {
        nint before = _layout.Before;
        for (nint channel = 0; channel < Channels + before; channel++)
        {
            if (channel < Channels)
            {
                nint offset = RingOffset(channel);
                WindowOperands<T> row = RowOf(_x + (channel * Stride), RowsOf(channel)) with
                {
                    Other = _dy + (channel * Stride),
                    Terms = _memory.Terms,
                    FirstTerm = offset,
                };
                Run<V, WindowTermMap<T, V, TPower>>(row, _memory.Direct + offset, Length, isStreamed: false);
            }
            nint done = channel - before;
            if (done >= 0)
            {
                WindowOperands<T> row = new()
                {
                    Input = _x + (done * Stride),
                    Other = _memory.Direct + RingOffset(done),
                    Window = RingOf(_memory.Terms, done, _layout.After, before),
                };
                Run<V, WindowGradientMap<T, V>>(row, _output + (done * Stride), Length, _isStreamed);
            }
        }
    }

    private nint RingOffset(nint channel) => (channel * _memory.RowLength) & Mask;

    /// <summary>The rows of x in the window of a channel.</summary>
    private WindowRows RowsOf(nint channel)
    {
        (nint first, nint count) = Span(channel, _layout.Before, _layout.After);
        return new(_x, first * Stride, count, Stride, NoMask);
    }

    /// <summary>The same rows of a ring.</summary>
    private WindowRows RingOf(void* memory, nint channel, nint before, nint after)
    {
        (nint first, nint count) = Span(channel, before, after);
        return new(memory, first * _memory.RowLength, count, _memory.RowLength, Mask);
    }

    /// <summary>The channels around one that exist.</summary>
    private (nint First, nint Count) Span(nint channel, nint before, nint after)
    {
        nint first = Math.Max(0, channel - before);
        return (first, Math.Min(Channels, channel + after + 1) - first);
    }

    private WindowOperands<T> RowOf(T* x, WindowRows window) => new()
    {
        Input = x,
        Window = window,
        Scale = _layout.Window.Scale,
        K = _layout.Window.K,
        Beta = Beta,
    };

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Run<V, TMap>(in WindowOperands<T> row, T* output, nint length, bool isStreamed)
        where V : unmanaged, ISimd<V, T>
        where TMap : struct, IMap<TMap, WindowOperands<T>, V, NoColumn> =>
        Map.Run<T, V, WindowOperands<T>, TMap, NoColumn>(row, 0, 1, areFour: false, new(output, length, isStreamed, ahead: 0), 0);
}
