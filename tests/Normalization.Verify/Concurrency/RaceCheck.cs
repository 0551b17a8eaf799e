using System.Numerics;
using System.Runtime.InteropServices;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Concurrency;

/// <summary>Many threads on one layer in evaluation, and as many layers in training, against the bits of one thread alone.</summary>
internal static class RaceCheck
{
    private const int Threads = 16;

    // A shape that is worth several threads costs a thousand times a small one; fewer calls of it meet as often.
    private const int LargeShare = 50;

    private static readonly Geometry[] s_small =
    [
        Geometry.Batch(8, 16, 1), Geometry.Batch(3, 50, 7), Geometry.Batch(2, 3, 100), Geometry.Instance(3, 12, 9),
        Geometry.Group(2, 18, 3, 6), Geometry.Group(3, 8, 33, 2), Geometry.Layer(7, 33), Geometry.Rms(7, 33),
    ];

    private static readonly Geometry[] s_large =
    [
        Geometry.Batch(1024, 80, 1), Geometry.Batch(2, 3, 12_000), Geometry.Batch(64, 70, 16), Geometry.Instance(2, 50, 700),
        Geometry.Group(4099, 18, 3, 6), Geometry.Group(2, 40, 1000, 4), Geometry.Layer(300, 256), Geometry.Layer(3, 25_000), Geometry.Rms(300, 256),
    ];

    public static bool Check(TextWriter output, int calls)
    {
        int before = NormalizationParallelism.MaxDegree;
        using var changer = new DegreeChanger();
        try
        {
            bool isKept = true;
            foreach (Geometry geometry in s_small)
                isKept &= Report(output, geometry, calls);
            foreach (Geometry geometry in s_large)
                isKept &= Report(output, geometry, Math.Max(1, calls / LargeShare));
            output.WriteLine($"MaxDegree changed {changer.Changes} times meanwhile");
            return isKept;
        }
        finally
        {
            changer.Dispose();
            NormalizationParallelism.MaxDegree = before;
        }
    }

    /// <summary>Returns what differed from the serial run, and how many calls were compared.</summary>
    public static (int Differences, int Calls) Run<T>(Geometry geometry, int calls) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var shared = new Trial<T>(geometry);
        shared.Step();
        shared.Layer.Eval();
        shared.Forward();
        var serial = new Trial<T>(geometry);
        for (int i = 0; i < TrainingSteps(calls); i++)
            serial.Step();
        int differences = 0;
        var threads = new Thread[Threads];
        using var start = new Barrier(Threads);
        for (int i = 0; i < Threads; i++)
        {
            threads[i] = new(() =>
            {
                start.SignalAndWait();
                int found = Evaluate(shared, calls) + Train(geometry, serial, TrainingSteps(calls));
                Interlocked.Add(ref differences, found);
            });
            threads[i].Start();
        }
        foreach (Thread thread in threads)
            thread.Join();
        return (differences, Threads * (calls + TrainingSteps(calls)));
    }

    private static int TrainingSteps(int calls) => Math.Max(1, calls / 10);

    private static bool Report(TextWriter output, Geometry geometry, int calls)
    {
        (int single, int all) = Run<float>(geometry, calls);
        (int wide, _) = Run<double>(geometry, calls);
        output.WriteLine($"{geometry,-34} {Threads} threads, {all} calls: {single} differences (float), {wide} differences (double)");
        return single + wide == 0;
    }

    private static int Evaluate<T>(Trial<T> shared, int calls) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var output = new Tensor<T>(shared.Input.Shape);
        int differences = 0;
        for (int i = 0; i < calls; i++)
        {
            output.Fill(T.NegativeOne);
            shared.Layer.Forward(shared.Input, output);
            differences += SameBits(output.Span, shared.Output.Span) ? 0 : 1;
        }
        return differences;
    }

    private static int Train<T>(Geometry geometry, Trial<T> serial, int steps) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var own = new Trial<T>(geometry);
        for (int i = 0; i < steps; i++)
            own.Step();
        List<T[]> expected = [];
        serial.Visit((_, values) => expected.Add(values.ToArray()));
        int differences = 0, index = 0;
        own.Visit((_, values) => differences += SameBits(values, expected[index++]) ? 0 : 1);
        return differences;
    }

    private static bool SameBits<T>(ReadOnlySpan<T> left, ReadOnlySpan<T> right) where T : unmanaged =>
        MemoryMarshal.AsBytes(left).SequenceEqual(MemoryMarshal.AsBytes(right));

    /// <summary>Gives the library another number of threads every millisecond.</summary>
    private sealed class DegreeChanger : IDisposable
    {
        private readonly Thread _thread;
        private volatile bool _isDone;

        public DegreeChanger()
        {
            _thread = new(Change) { IsBackground = true };
            _thread.Start();
        }

        public int Changes { get; private set; }

        public void Dispose()
        {
            _isDone = true;
            _thread.Join();
        }

        private void Change()
        {
            for (; !_isDone; Changes++)
            {
                NormalizationParallelism.MaxDegree = 1 + (Changes * 5 % 16);
                Thread.Sleep(1);
            }
        }
    }
}
