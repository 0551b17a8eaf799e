using System.Diagnostics;
using Normalization.Mpi;
using Normalization.Programs;

namespace Normalization.Verify.Distributed;

/// <summary>Faults on the last rank, under mpirun: every rank has to end with an error that says so, and none may wait for ever.</summary>
internal static class PlantedFault
{
    private const int Channels = 6;
    private const int FailedExit = 3;

    private static TextWriter _log = Console.Out;

    /// <summary>
    /// Plants one fault after another, after each of which the ranks go on. What a rank says goes into a file of its own in the folder,
    /// if there is one: launchers mix the outputs of ranks within a line.
    /// </summary>
    public static int Run(string names, MpiCollective ranks, string? folder)
    {
        if (folder is not null)
            _log = new StreamWriter(Path.Combine(folder, $"rank-{ranks.Rank}.txt")) { AutoFlush = true };
        return names.Split(',').Max(name => Plant(name, ranks));
    }

    private static int Plant(string name, MpiCollective ranks)
    {
        bool isLast = ranks.Rank == ranks.Size - 1;
        BatchNorm1d<float> layer;
        switch (name)
        {
            case "channels":
                return Tell(name, ranks, () => new BatchNorm1d<float>(isLast ? Channels + 1 : Channels).Synchronize(ranks));
            case "shape":
                layer = Synchronized(ranks, Channels);
                return Tell(name, ranks, () => layer.Forward(new(4, isLast ? Channels + 1 : Channels)));
            case "null":
                layer = Synchronized(ranks, Channels);
                return Tell(name, ranks, () => layer.Forward(isLast ? null! : new(4, Channels)));
            case "order":
                return OutOfStep(name, ranks, isLast, 8 * Channels);
            case "twins":
                return OutOfStep(name, ranks, isLast, Channels);
            case "direction":
                layer = Synchronized(ranks, Channels);
                layer.Forward(new(4, Channels));
                return Tell(name, ranks, () => _ = isLast ? layer.Backward(new(4, Channels)) : layer.Forward(new(4, Channels)));
            case "length":
                return Tell(name, ranks, () => ranks.AllReduce(new double[isLast ? 2000 : 3]));
            case "gather":
                return Tell(name, ranks, () => ranks.AllGather(new double[2], new double[isLast ? 1 : 2 * ranks.Size]));
            case "group":
                return Tell(name, ranks, () => ranks.Split(isLast ? -1 : 0));
            case "call":
                return Tell(name, ranks, isLast ? () => ranks.AllReduce([1]) : () => ranks.AllGather([1], new double[ranks.Size]));
            case "split":
                return isLast ? Tell(name, ranks, () => ranks.AllReduce([1])) : Tell(name, ranks, () => ranks.Split(0));
            case "end":
                return isLast ? 0 : Tell(name, () => Wait(ranks), ranks.Rank);
            case "leave":
                return Leave(name, ranks, isLast);
            case "exit":
                return isLast ? FailedExit : Wait(ranks);
            case "death":
                if (isLast)
                    Process.GetCurrentProcess().Kill();
                return Wait(ranks);
            case "signals":
                return CatchSignals(ranks);
            default:
                throw new UsageException($"unknown fault {name}");
        }
    }

    /// <summary>Says what the call threw, and that the ranks can go on together after it.</summary>
    private static int Tell(string name, MpiCollective ranks, Action call)
    {
        int exitCode = Tell(name, call, ranks.Rank);
        double[] sum = [1];
        ranks.AllReduce(sum);
        return sum[0] == ranks.Size ? exitCode : 1;
    }

    private static int Tell(string name, Action call, int rank)
    {
        try
        {
            call();
            return 1;
        }
        catch (Exception exception) when (exception is CollectiveException or ArgumentException or ObjectDisposedException)
        {
            _log.WriteLine($"{name}, rank {rank}: {exception.GetType().Name}: {exception.Message}");
            return 0;
        }
    }

    /// <summary>The last rank calls the second of two layers first.</summary>
    private static int OutOfStep(string name, MpiCollective ranks, bool isLast, int otherChannels)
    {
        BatchNorm1d<float> one = Synchronized(ranks, Channels), other = Synchronized(ranks, otherChannels);
        return Tell(name, ranks, () => _ = isLast ? other.Forward(new(4, otherChannels)) : one.Forward(new(4, Channels)));
    }

    /// <summary>The last rank leaves a group, and goes on with all.</summary>
    private static int Leave(string name, MpiCollective ranks, bool isLast)
    {
        using MpiCollective group = ranks.Split(0);
        if (!isLast)
            return Tell(name, ranks, () => Wait(group));
        group.Dispose();
        return Tell(name, ranks, () => group.AllReduce([1]));
    }

    private static int Wait(MpiCollective ranks)
    {
        Synchronized(ranks, Channels).Forward(new(4, Channels));
        return 0;
    }

    /// <summary>The runtime makes exceptions of signals, which MPI and what lies below it must leave alone.</summary>
    private static int CatchSignals(MpiCollective ranks)
    {
        Wait(ranks);
        int caught = 0;
        try
        {
            caught += NullLength(null!);
        }
        catch (NullReferenceException)
        {
            caught++;
        }
        try
        {
            caught += Channels / ranks.Rank / (ranks.Size - ranks.Size);
        }
        catch (DivideByZeroException)
        {
            caught++;
        }
        double[] sum = [caught];
        ranks.AllReduce(sum);
        Console.WriteLine($"rank {ranks.Rank}: {sum[0]} exceptions caught on {ranks.Library}");
        return sum[0] == 2 * ranks.Size ? 0 : 1;
    }

    private static int NullLength(string text) => text.Length;

    private static BatchNorm1d<float> Synchronized(MpiCollective ranks, int channels)
    {
        var layer = new BatchNorm1d<float>(channels);
        layer.Synchronize(ranks);
        return layer;
    }
}
