using System.Diagnostics;
using System.Globalization;
using Normalization.Programs;

namespace Normalization.Benchmarks;

/// <summary>
/// The <c>heap</c> command: what large tensors cost a process that runs for long. A window of tensors lives, and each new one, of a
/// random size, takes the place of a random old one.
/// </summary>
internal static class HeapCost
{
    private const int Live = 400;
    private const int LeastBytes = 85_000;
    private const int MostBytes = 4 << 20;

    // Every now and then the server has less to do, and its tensors are small.
    private const int Phases = 10;
    private const int MostBytesWhenQuiet = 2 * LeastBytes;

    public const string Synopsis = "tensor|array|pinned [--n ALLOCATIONS]";

    public static string Description => "what large tensors cost a process that runs for long, as tensors, arrays or pinned arrays";

    public static int Run(Options options)
    {
        string way = options.Word("tensor", "array", "pinned");
        int count = options.Number("--n") ?? 1_000_000;
        options.RejectUnknown();
        if (count < Phases)
            throw new UsageException($"--n is at least {Phases}");
        Measure(
            way switch
            {
                "tensor" => static bytes => Tensor<float>.Uninitialized(bytes / sizeof(float)),
                "array" => static bytes => GC.AllocateUninitializedArray<float>(bytes / sizeof(float)),
                _ => static bytes => GC.AllocateUninitializedArray<float>(bytes / sizeof(float), pinned: true),
            },
            count);
        return 0;
    }

    private static void Measure(Func<int, object> allocate, int count)
    {
        var random = new Random(1);
        object?[] window = new object?[Live];
        int[] sizes = new int[Live];
        long live = 0, mostLive = 0, heap = 0, committed = 0, fragmented = 0;
        int collections = 0;
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < count; i++)
        {
            int place = random.Next(Live), size = (int)(LeastBytes * Math.Pow((double)MostBytes / LeastBytes, random.NextDouble()));
            if (i / (count / Phases) % 2 == 1)
                size = Math.Min(size, MostBytesWhenQuiet);
            live += size - sizes[place];
            mostLive = Math.Max(mostLive, live);
            sizes[place] = size;
            window[place] = allocate(size);
            if (GC.CollectionCount(0) == collections)
                continue;
            collections = GC.CollectionCount(0);
            GCMemoryInfo info = GC.GetGCMemoryInfo(GCKind.Any);
            heap = Math.Max(heap, info.HeapSizeBytes);
            committed = Math.Max(committed, info.TotalCommittedBytes);
            fragmented = Math.Max(fragmented, info.FragmentedBytes);
        }
        double seconds = clock.Elapsed.TotalSeconds, paused = GC.GetTotalPauseDuration().TotalSeconds;
        GC.Collect();
        GCMemoryInfo end = GC.GetGCMemoryInfo();
        GC.KeepAlive(window);
        Print("alive, at most", Mega(mostLive));
        Print("heap, at most", Mega(heap));
        Print("free space inside it, at most", Mega(fragmented));
        Print("memory taken from the system, at most", Mega(committed));
        Print("alive at the end", Mega(live));
        Print("memory taken from the system at the end, after a collection", Mega(end.TotalCommittedBytes));
        Print("collections of the oldest generation", $"{GC.CollectionCount(2):N0}");
        Print("seconds, and of these paused", string.Create(CultureInfo.InvariantCulture, $"{seconds:F1}, {paused:F1}"));
    }

    private static void Print(string what, string value) => Console.WriteLine($"{what,-60} {value,12}");

    private static string Mega(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:N0} MB");
}
