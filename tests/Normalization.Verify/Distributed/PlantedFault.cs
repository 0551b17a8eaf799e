using System.Diagnostics;
using Normalization.Mpi;

namespace Normalization.Verify.Distributed;

/// <summary>Faults on the last rank, under mpirun: every rank has to end with an error that says so, and none may wait for ever.</summary>
internal static class PlantedFault
{
    private const int Channels = 6;
    private const int FailedExit = 3;

    public static int Run(string name, MpiCollective ranks)
    {
        bool isLast = ranks.Rank == ranks.Size - 1;
        switch (name)
        {
            case "channels":
                return Tell(ranks, () => new BatchNorm1d<float>(isLast ? Channels + 1 : Channels).Synchronize(ranks));
            case "shape":
                BatchNorm1d<float> layer = Synchronized(ranks, Channels);
                return Tell(ranks, () => layer.Forward(new(4, isLast ? Channels + 1 : Channels)));
            case "order":
                return OutOfStep(ranks, isLast);
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
    private static int Tell(MpiCollective ranks, Action call)
    {
        try
        {
            call();
            return 1;
        }
        catch (Exception exception) when (exception is CollectiveException or ArgumentException)
        {
            double[] sum = [1];
            ranks.AllReduce(sum);
            Console.WriteLine($"rank {ranks.Rank} of {sum[0]}: {exception.GetType().Name}: {exception.Message}");
            return 0;
        }
    }

    /// <summary>The last rank calls a wider layer first.</summary>
    private static int OutOfStep(MpiCollective ranks, bool isLast)
    {
        BatchNorm1d<float> narrow = Synchronized(ranks, Channels), wide = Synchronized(ranks, 8 * Channels);
        (isLast ? wide : narrow).Forward(new(4, isLast ? 8 * Channels : Channels));
        (isLast ? narrow : wide).Forward(new(4, isLast ? Channels : 8 * Channels));
        return 0;
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
