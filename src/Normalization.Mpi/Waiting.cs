using System.Diagnostics;

namespace Normalization.Mpi;

/// <summary>
/// One wait for other ranks. MPI itself waits at full speed, which takes the processor from the very rank that it waits for where
/// there are more ranks than processors. Here a rank that waits for longer gives its processor away.
/// </summary>
internal struct Waiting
{
    // Few, since a rank that shares its processor with the one it waits for waits in vain.
    private const int Polls = 16;

    private const int SleepMicroseconds = 50;

    private static readonly long _yieldTicks = Stopwatch.Frequency / 1000;

    private int _polls;
    private long _start;

    /// <summary>Gets a value indicating whether the wait has been long enough to look for other news.</summary>
    public readonly bool IsLong => _polls >= Polls;

    /// <summary>Lets time pass: none at first, then a turn of the scheduler, and after a millisecond a short sleep.</summary>
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
