using System.Numerics;
using System.Runtime.InteropServices;
using Normalization.Kernels;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Reproducibility;

/// <summary>The hash of this process, as it was started.</summary>
internal static class HashCheck
{
    public static void Report(TextWriter output, HashSize size, int? width, int? degree, int repeats, bool collect)
    {
        if (width is int bits)
            (KernelSet<float>.Active, KernelSet<double>.Active) = (KernelSet<float>.ForWidth(bits), KernelSet<double>.ForWidth(bits));
        if (degree is int threads)
            NormalizationParallelism.MaxDegree = threads;
        using var collector = collect ? new Collector() : null;
        for (int i = 0; i < repeats; i++)
        {
            output.WriteLine(
                $"{HashWork.Run(size)} width {KernelSet<float>.Active.Width} degree {NormalizationParallelism.MaxDegree} processors {Environment.ProcessorCount}");
        }
    }

    /// <summary>A sample gets the same bits alone as within a batch, in every layer whose statistics are a sample's own.</summary>
    public static IReadOnlyList<string> CompareAloneWithBatch()
    {
        List<string> broken = [];
        foreach (Geometry geometry in (Geometry[])
        [
            Geometry.Layer(37, 61), Geometry.Layer(1500, 260), Geometry.Layer(3, 20_011), Geometry.Rms(37, 61), Geometry.Rms(700, 1031),
            Geometry.Group(9, 12, 37, 3), Geometry.Group(70, 18, 5, 6), Geometry.Group(3, 6, 30_011, 2), Geometry.Instance(9, 5, 37),
            Geometry.Instance(3, 2, 70_001),
        ])
        {
            CompareAloneWithBatch<float>(geometry, broken);
            CompareAloneWithBatch<double>(geometry, broken);
        }
        return broken;
    }

    private static void CompareAloneWithBatch<T>(Geometry geometry, List<string> broken)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var batch = new Trial<T>(geometry, track: false);
        var alone = new Trial<T>(geometry with { N = 1 }, track: false);
        batch.Step();
        int length = alone.Geometry.Length;
        foreach (int sample in (int[])[0, 1, geometry.N / 2, geometry.N - 1])
        {
            batch.Input.Span.Slice(sample * length, length).CopyTo(alone.Input.Span);
            batch.OutputGradient.Span.Slice(sample * length, length).CopyTo(alone.OutputGradient.Span);
            alone.Step();
            if (!SameBits(alone.Output.Span, batch.Output.Span.Slice(sample * length, length)))
                broken.Add($"{typeof(T).Name} {geometry}: output {sample} differs when it is alone");
            if (!SameBits(alone.InputGradient.Span, batch.InputGradient.Span.Slice(sample * length, length)))
                broken.Add($"{typeof(T).Name} {geometry}: input gradient {sample} differs when it is alone");
        }
    }

    private static bool SameBits<T>(Span<T> left, Span<T> right) where T : unmanaged =>
        MemoryMarshal.AsBytes(left).SequenceEqual(MemoryMarshal.AsBytes(right));

    /// <summary>Moves every object again and again while the layers work.</summary>
    private sealed class Collector : IDisposable
    {
        private readonly Thread _thread;
        private volatile bool _isDone;

        public Collector()
        {
            _thread = new(Collect);
            _thread.Start();
        }

        public void Dispose()
        {
            _isDone = true;
            _thread.Join();
        }

        private void Collect()
        {
            while (!_isDone)
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
                Thread.Yield();
            }
        }
    }
}
