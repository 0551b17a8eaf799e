using System.Diagnostics;
using Normalization.Mpi;
using Normalization.Programs;

namespace Normalization.Benchmarks;

/// <summary>The <c>synchronize</c> command: what synchronized batch statistics add to a layer, beside the exchange alone.</summary>
internal static class SynchronizeCommand
{
    private const double SampleMilliseconds = 1500;
    private const int FewestRounds = 10, MostRounds = 2000;

    // ResNet-50's stages with 8 images a rank, and a perceptron.
    private static readonly int[][] s_shapes = [[8, 64, 56, 56], [8, 256, 28, 28], [8, 1024, 14, 14], [8, 2048, 7, 7], [256, 1024]];

    public static string Description =>
        """
        what synchronized BatchNorm adds to a pass, over 1, 2 and 4 threads, or over the processes that mpirun has started
        --paper: what ResNet-50 would pay on many nodes, calculated
        """;

    public static int Run(Options options)
    {
        bool isOnPaper = options.Flag("--paper");
        options.RejectUnknown();
        if (isOnPaper)
        {
            ResNetCost.Print(Console.Out);
            return 0;
        }
        // A rank has one thread of its own.
        NormalizationParallelism.MaxDegree = 1;
        if (MpiCollective.IsLaunched)
        {
            MpiCollective processes = MpiCollective.Initialize();
            Measure(processes, $"processes on {processes.Library}");
            return 0;
        }
        foreach (int size in (int[])[1, 2, 4])
            InMemoryCollective.Run(size, static threads => Measure(threads, "threads"));
        return 0;
    }

    private static void Measure(ICollective ranks, string kind)
    {
        if (ranks.Rank == 0)
        {
            Console.WriteLine($"{ranks.Size} {kind}, {Environment.ProcessorCount} processors, microseconds on rank 0, which nine calls of ten exceed:");
            Console.WriteLine($"  {"shape on each rank",-20}{"forward",-36}{"backward",-36}");
            Console.WriteLine($"  {"",-20}{Titles}{Titles}");
        }
        foreach (int[] shape in s_shapes)
        {
            (NormalizationLayer<float> alone, NormalizationLayer<float> together) = (Create(shape, null), Create(shape, ranks));
            var input = Tensor<float>.RandomNormal(shape, seed: 1);
            Tensor<float> output = new(shape), gradient = new(shape);
            // The message of a pass: a header, and three or two doubles a channel.
            double[] forward = new double[6 + (3 * shape[1])], backward = new double[6 + (2 * shape[1])];
            double[] gathered = new double[ranks.Size * forward.Length];
            double[] times = Fastest(
                ranks,
                () => alone.Forward(input, output),
                () => together.Forward(input, output),
                () => ranks.AllGather(forward, gathered),
                () => alone.Backward(output, gradient),
                () => together.Backward(output, gradient),
                () => ranks.AllGather(backward, gathered.AsSpan(0, ranks.Size * backward.Length)));
            if (ranks.Rank == 0)
                Console.WriteLine($"  {string.Join('x', shape.Select(static size => $"{size}")),-20}{Cells(times.AsSpan(0, 3))}{Cells(times.AsSpan(3))}");
        }
    }

    private static string Titles => $"{"alone",8}{"together",10}{"added",8}{"gather",8}  ";

    private static string Cells(ReadOnlySpan<double> times) =>
        $"{times[0],8:F0}{times[1],10:F0}{times[1] - times[0],8:F0}{times[2],8:F0}  ";

    private static NormalizationLayer<float> Create(int[] shape, ICollective? ranks)
    {
        BatchNorm<float> layer = shape.Length == 4 ? new BatchNorm2d<float>(shape[1]) : new BatchNorm1d<float>(shape[1]);
        layer.Synchronize(ranks);
        return layer;
    }

    /// <summary>
    /// Microseconds of each call, the fastest tenth and all calls in turn: a rank that waits for others meets every disturbance of theirs.
    /// Every rank calls as often as rank 0 says.
    /// </summary>
    private static double[] Fastest(ICollective ranks, params Action[] calls)
    {
        double rounds = FewestRounds;
        double[] all = new double[ranks.Size];
        for (int warmUp = 0; warmUp < 2; warmUp++)
        {
            rounds = Math.Clamp(Math.Round(SampleMilliseconds * 1000 / Time(calls, (int)rounds).Sum()), FewestRounds, MostRounds);
            ranks.AllGather([rounds], all);
            rounds = all[0];
        }
        return Time(calls, (int)rounds);
    }

    private static double[] Time(Action[] calls, int rounds)
    {
        double[][] times = [.. calls.Select(_ => new double[rounds])];
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < calls.Length; i++)
            {
                long start = Stopwatch.GetTimestamp();
                calls[i]();
                times[i][round] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            }
        }
        foreach (double[] samples in times)
            Array.Sort(samples);
        return [.. times.Select(samples => samples[rounds / 10])];
    }
}
