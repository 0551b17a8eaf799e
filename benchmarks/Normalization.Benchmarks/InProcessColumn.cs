using System.Diagnostics;

namespace Normalization.Benchmarks;

/// <summary>Times a contender of this process with the same clock rules as the peers (Peers/README.md).</summary>
internal sealed class InProcessColumn(IContender contender, int threads) : IComparisonColumn
{
    private const double WarmUpMilliseconds = 5;
    private const double SampleMicroseconds = 20;

    // The runtime compiles a busy method up to three times, each time at least 100 ms after the one before.
    private const double TieringMilliseconds = 150;
    private const int MinTieringRounds = 3, MaxTieringRounds = 12;

    // Another shape of an operation that has its final code may still take another way through the library. A long call does not show it.
    private const double ShortCallMicroseconds = 200;

    private static readonly HashSet<(IContender Contender, string Operation)> s_compiled = [];

    private readonly Dictionary<ComparisonCase, Action?> _prepared = [];

    public string Library => contender.Library;

    public string Layout => contender.Layout;

    public Measurement Measure(ComparisonCase item, double milliseconds)
    {
        if (!_prepared.TryGetValue(item, out Action? call))
        {
            _prepared[item] = call = contender.Prepare(item.Operation, item.Dimensions, item.Groups, threads);
            if (call is not null)
                AwaitFinalCode(item.Operation, call);
        }

        return call is null ? Measurement.Without($"{Library} has no {item.Operation}") : Sample(call, milliseconds);
    }

    public void Forget()
    {
        _prepared.Clear();
        GC.Collect();
    }

    // Calls until a round is no longer clearly faster than the best before it.
    private void AwaitFinalCode(string operation, Action call)
    {
        if (!s_compiled.Add((contender, operation)))
        {
            if (WarmUp(call, WarmUpMilliseconds) < ShortCallMicroseconds)
                WarmUp(call, TieringMilliseconds);
            return;
        }

        double best = double.PositiveInfinity;
        for (int round = 0; round < MaxTieringRounds; round++)
        {
            double us = WarmUp(call, TieringMilliseconds);
            if (round >= MinTieringRounds && us > 0.9 * best)
                return;
            best = Math.Min(best, us);
        }
    }

    /// <returns>Microseconds per call.</returns>
    private static double WarmUp(Action call, double milliseconds)
    {
        long start = Stopwatch.GetTimestamp();
        int calls = 0;
        for (; calls < 1 || Microseconds(start) < milliseconds * 1e3; calls++)
            call();
        return Microseconds(start) / calls;
    }

    private static Measurement Sample(Action call, double milliseconds)
    {
        int inner = 1 + (int)(SampleMicroseconds / WarmUp(call, WarmUpMilliseconds));
        List<double> samples = new(4096);
        for (long start = Stopwatch.GetTimestamp(); samples.Count < 3 || Microseconds(start) < milliseconds * 1e3;)
        {
            long begin = Stopwatch.GetTimestamp();
            for (int i = 0; i < inner; i++)
                call();
            samples.Add(Microseconds(begin) / inner);
        }

        samples.Sort();
        int n = samples.Count;
        return new((samples[(n - 1) / 2] + samples[n / 2]) / 2, samples[0]);
    }

    private static double Microseconds(long since) => Stopwatch.GetElapsedTime(since).TotalMicroseconds;
}
