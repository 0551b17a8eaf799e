using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Concurrency;

/// <summary>Counts the bytes that all threads allocate while a layer works in its steady state.</summary>
internal static class AllocationCheck
{
    private const int WarmUps = 300;
    private const int Repeats = 3;

    /// <summary>Small shapes, shapes with more groups than fit on the stack, and shapes that are worth several threads.</summary>
    public static IReadOnlyList<Geometry> Shapes { get; } =
    [
        Geometry.Batch(8, 16, 1), Geometry.Batch(4, 96, 5), Geometry.Batch(2, 5, 100), Geometry.Batch(64, 96, 16),
        Geometry.Instance(3, 40, 9), Geometry.Group(2, 6, 5, 3), Geometry.Group(3, 80, 33, 40), Geometry.Layer(4, 33), Geometry.Layer(50, 64),
        Geometry.Rms(4, 33), Geometry.Rms(50, 64),
        Geometry.Batch(512, 160, 1), Geometry.Batch(2, 3, 12_000), Geometry.Batch(8, 50, 200), Geometry.Instance(2, 50, 700),
        Geometry.Group(2, 40, 1000, 4), Geometry.Group(100, 80, 9, 8), Geometry.Layer(150, 512), Geometry.Layer(3, 25_000), Geometry.Rms(150, 512),
    ];

    public static bool Check(TextWriter output, int steps)
    {
        long total = 0;
        foreach (Geometry geometry in Shapes)
        {
            long single = Measure<float>(geometry, steps), wide = Measure<double>(geometry, steps);
            total += single + wide;
            output.WriteLine($"{geometry,-34} {single,8} bytes (float) {wide,8} bytes (double) in {steps} training and {steps} evaluation steps");
        }
        output.WriteLine(total == 0 ? "no byte allocated" : $"{total} bytes ALLOCATED");
        return total == 0;
    }

    /// <summary>The bytes allocated by all threads in so many training steps and as many evaluation steps.</summary>
    public static long Measure<T>(Geometry geometry, int steps) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var trial = new Trial<T>(geometry);
        var context = new ForwardContext<T>();
        Run(trial, context, WarmUps);
        long bytes = Count(trial, context, steps);
        // The thread pool may start a thread meanwhile, which costs it a kilobyte once; what a step allocates comes again.
        for (int again = 0; again < Repeats && bytes != 0; again++)
            bytes = Math.Min(bytes, Count(trial, context, steps));
        return bytes;
    }

    private static long Count<T>(Trial<T> trial, ForwardContext<T> context, int steps) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        // The counter itself is measured first: what it says about nothing is not the layer's.
        long before = GC.GetTotalAllocatedBytes(precise: true);
        long own = GC.GetTotalAllocatedBytes(precise: true) - before;
        before = GC.GetTotalAllocatedBytes(precise: true);
        Run(trial, context, steps);
        return GC.GetTotalAllocatedBytes(precise: true) - before - own;
    }

    private static void Run<T>(Trial<T> trial, ForwardContext<T> context, int steps) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < steps; i++)
        {
            trial.Layer.Train();
            trial.Step();
            trial.Layer.Eval();
            trial.Forward();
            if (i % 16 == 0)
            {
                trial.Layer.Forward(trial.Input, trial.Output, context);
                context.IsRecomputation = true;
                trial.Layer.Forward(trial.Input, trial.Output, context);
                context.IsRecomputation = false;
                trial.Layer.Backward(trial.OutputGradient, trial.InputGradient, context);
            }
        }
    }
}
