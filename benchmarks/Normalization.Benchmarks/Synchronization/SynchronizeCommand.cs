using System.Diagnostics;
using System.Globalization;
using Normalization.Mpi;

namespace Normalization.Benchmarks;

/// <summary>The <c>synchronize</c> command: what synchronised batch statistics add to a layer, beside the exchange alone.</summary>
internal static class SynchronizeCommand
{
    private const double SampleMilliseconds = 300;
    private const int FewestCalls = 20, MostCalls = 4000;

    // ResNet-50's stages with 8 images a rank, and a perceptron.
    private static readonly int[][] s_shapes = [[8, 64, 56, 56], [8, 256, 28, 28], [8, 1024, 14, 14], [8, 2048, 7, 7], [256, 1024]];

    public static int Run(string[] options)
    {
        switch (options)
        {
            case []:
                break;
            case ["--paper"]:
                ResNetCost.Print(Console.Out);
                return 0;
            default:
                Console.Error.WriteLine("synchronize takes no options but --paper");
                return 2;
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
            Console.WriteLine($"{ranks.Size} {kind}, {Environment.ProcessorCount} processors, microseconds, medians of rank 0:");
            Console.WriteLine($"  {"shape on each rank",-20}{"forward",-36}{"backward",-36}");
            Console.WriteLine($"  {"",-20}{Titles}{Titles}");
        }
        foreach (int[] shape in s_shapes)
        {
            (NormalizationLayer<float> alone, NormalizationLayer<float> together) = (Create(shape, null), Create(shape, ranks));
            var input = Tensor<float>.RandomNormal(shape, seed: 1);
            Tensor<float> output = new(shape), gradient = new(shape);
            // The message of a pass: a header, and three or two doubles a channel.
            double[] forward = new double[4 + (3 * shape[1])], backward = new double[4 + (2 * shape[1])];
            double[] gathered = new double[ranks.Size * forward.Length];
            double[] times =
            [
                Median(ranks, () => alone.Forward(input, output)),
                Median(ranks, () => together.Forward(input, output)),
                Median(ranks, () => ranks.AllGather(forward, gathered)),
                Median(ranks, () => alone.Backward(output, gradient)),
                Median(ranks, () => together.Backward(output, gradient)),
                Median(ranks, () => ranks.AllGather(backward, gathered.AsSpan(0, ranks.Size * backward.Length))),
            ];
            if (ranks.Rank == 0)
                Console.WriteLine($"  {string.Join('x', shape),-20}{Cells(times.AsSpan(0, 3))}{Cells(times.AsSpan(3))}");
        }
    }

    private static string Titles => $"{"alone",8}{"together",10}{"added",8}{"gather",8}  ";

    private static string Cells(ReadOnlySpan<double> times) =>
        string.Create(CultureInfo.InvariantCulture, $"{times[0],8:F0}{times[1],10:F0}{times[1] - times[0],8:F0}{times[2],8:F0}  ");

    private static NormalizationLayer<float> Create(int[] shape, ICollective? ranks)
    {
        BatchNorm<float> layer = shape.Length == 4 ? new BatchNorm2d<float>(shape[1]) : new BatchNorm1d<float>(shape[1]);
        layer.Synchronize(ranks);
        return layer;
    }

    /// <summary>Every rank calls as often as rank 0 says, which measures.</summary>
    private static double Median(ICollective ranks, Action call)
    {
        double[] calls = [FewestCalls], all = new double[ranks.Size];
        for (int round = 0; round < 2; round++)
        {
            double[] times = Times(call, (int)calls[0]);
            calls[0] = Math.Clamp(Math.Round(SampleMilliseconds * 1000 / times[times.Length / 2]), FewestCalls, MostCalls);
            ranks.AllGather(calls, all);
            calls[0] = all[0];
        }
        double[] measured = Times(call, (int)calls[0]);
        return measured[measured.Length / 2];
    }

    /// <summary>Microseconds of each call, sorted.</summary>
    private static double[] Times(Action call, int calls)
    {
        double[] times = new double[calls];
        for (int i = 0; i < calls; i++)
        {
            long start = Stopwatch.GetTimestamp();
            call();
            times[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
        Array.Sort(times);
        return times;
    }
}
