namespace Normalization.Training.Reports;

/// <summary>Says every few seconds how far a long work is, so that nobody takes it for dead.</summary>
internal sealed class Heartbeat : IDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(8);

    private readonly ITimer _timer;

    public Heartbeat(Action<string> write, Func<string> state, TimeProvider? time = null) =>
        _timer = (time ?? TimeProvider.System).CreateTimer(_ => write(state()), null, Interval, Interval);

    public void Dispose() => _timer.Dispose();
}
