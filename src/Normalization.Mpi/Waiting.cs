using System.Diagnostics;

namespace Normalization.Mpi;

/// <summary>
/// One wait for other ranks. MPI itself waits in a busy loop. Where there are more ranks than processors, this loop keeps the awaited
/// rank from running. Here a rank that waits for longer yields its processor.
/// </summary>
internal struct Waiting
{
    // Few, because the awaited rank cannot run while this rank spins on the same processor.
    private const int Polls = 16;

    private const int SleepMicroseconds = 50;

    private static readonly long _yieldTicks = Stopwatch.Frequency / 1000;

    private int _polls;
    private long _start;

    /// <summary>Gets a value indicating whether the wait has been long enough to look for other news.</summary>
    public readonly bool IsLong => _polls >= Polls;

    /// <summary>Waits a moment: at first not at all, then until the scheduler returns, and after a millisecond in a short sleep.</summary>
    public void Pause()
    {
        if (_polls < Polls)
        {
            if (++_polls == Polls)
                _start = Stopwatch.GetTimestamp();
        }
        else if (Stopwatch.GetTimestamp() - _start < _yieldTicks)
        {
            _ = Thread.Yield();
        }
        else
        {
            // Unlike Thread.Sleep, it is shorter than a millisecond and no interruption ends it in the middle of an exchange.
            _ = NativeMethods.SleepMicroseconds(SleepMicroseconds);
        }
    }
}
