namespace Normalization.Benchmarks;

/// <summary>
/// What the exchange costs ResNet-50 on paper. A gather of m bytes from each of P ranks takes ⌈log₂ P⌉ · α + (P - 1) · m / B, with
/// the latency α of a message and the bandwidth B of a node.
/// </summary>
internal static class ResNetCost
{
    // The frame of MPI and the header of a layer.
    private const int Header = 10, Moments = 3, Sums = 2;

    private static readonly (string Name, double LatencyMicroseconds, double GigabytesPerSecond)[] s_networks =
        [("InfiniBand, 100 Gbit/s, 2 us", 2, 12.5), ("Ethernet with TCP, 25 Gbit/s, 30 us", 30, 3.125)];

    // A bottleneck has two layers of its width and one of four times that; the first one of a stage has another in its shortcut.
    private static readonly (int Width, int Blocks)[] s_stages = [(64, 3), (128, 4), (256, 6), (512, 3)];

    private static IEnumerable<int> Channels =>
        s_stages.SelectMany(static stage => Enumerable.Repeat<int[]>([stage.Width, stage.Width, 4 * stage.Width], stage.Blocks)
            .SelectMany(static block => block).Append(4 * stage.Width)).Prepend(64);

    public static void Print(TextWriter output)
    {
        int layers = Channels.Count(), channels = Channels.Sum();
        double bytes = Channels.Sum(static c => sizeof(double) * ((2 * Header) + ((Moments + Sums) * c)));
        output.WriteLine($"ResNet-50: {layers} layers of {channels} channels together; each step {2 * layers} messages and {bytes / 1e6:F2} MB from each rank.");
        foreach ((string name, double latency, double bandwidth) in s_networks)
        {
            output.WriteLine();
            output.WriteLine($"{name}; milliseconds a step:");
            output.WriteLine($"  {"ranks",6}{"received MB",13}{"latency",9}{"transfer",10}{"together",10}{"4 fused",9}   in groups of 32");
            for (int ranks = 8; ranks <= 1024; ranks *= 2)
            {
                int group = Math.Min(ranks, 32);
                output.WriteLine($"  {ranks,6}{(ranks - 1) * bytes / 1e6,13:F1}{Latency(ranks, layers),9:F2}{Transfer(ranks),10:F2}{Latency(ranks, layers) + Transfer(ranks),10:F2}{Latency(ranks, layers - s_stages.Length) + Transfer(ranks),9:F2}   {Latency(group, layers) + Transfer(group):F2}");
            }

            double Latency(int ranks, int messages) => 2 * messages * Math.Ceiling(Math.Log2(ranks)) * latency / 1e3;

            double Transfer(int ranks) => (ranks - 1) * bytes / (bandwidth * 1e9) * 1e3;
        }
    }
}
