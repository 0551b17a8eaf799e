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
        foreach ((string name, Action step) in Family().Concat(FamilyOfChannels()).Concat(Masked()))
        {
            long bytes = Measure(step, steps);
            total += bytes;
            output.WriteLine($"{name,-34} {bytes,8} bytes (float) in {steps} training and {steps} evaluation steps");
        }
        output.WriteLine(total == 0 ? "no byte allocated" : $"{total} bytes ALLOCATED");
        return total == 0;
    }

    /// <summary>The bytes allocated by all threads in so many training steps and as many evaluation steps.</summary>
    public static long Measure<T>(Geometry geometry, int steps) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var trial = new Trial<T>(geometry);
        var fused = new FusedTrial<T>(geometry, Activation.Gelu);
        var second = new SecondOrderTrial<T>(geometry);
        var context = new ForwardContext<T>();
        // The fused passes and those of second order take longer than all others together, so each takes part once in sixteen.
        int count = 0;
        return Measure(
            () =>
            {
                Step(trial, context);
                if (count % 16 == 0)
                    fused.Step();
                if (count++ % 16 == 8)
                    second.Step(isTraining: count % 32 == 9);
            },
            steps);
    }

    /// <summary>What is not described by a geometry.</summary>
    private static IEnumerable<(string Name, Action Step)> Family()
    {
        foreach (int s in (int[])[1, 9, 2000])
        {
            var layer = new LocalResponseNorm<float>(5);
            var context = new ForwardContext<float>();
            Tensor<float> x = Tensor<float>.RandomNormal([4, 60, s], seed: 1), y = new(x.Shape);
            yield return ($"LocalResponseNorm {x.Shape[0]}x{x.Shape[1]}x{s}", () =>
            {
                layer.Train();
                layer.Forward(x, y);
                layer.Backward(y, y);
                layer.Eval();
                layer.Forward(y, y);
                layer.Forward(x, y, context);
                layer.Backward(y, y, context);
            }
            );
        }
    }

    private static IEnumerable<(string Name, Action Step)> FamilyOfChannels()
    {
        const int Channels = 40;
        var renorm = new BatchRenorm<float>(Channels) { WarmUpStart = 0 };
        var instance = new InstanceNorm<float>(Channels, affine: true);
        var context = new ForwardContext<float>();
        Tensor<float> x = Tensor<float>.RandomNormal([4, Channels, 300], seed: 1), y = new(x.Shape), dx = new(x.Shape);
        yield return ($"BatchRenorm {Channels} channels", () =>
        {
            renorm.Forward(x, y);
            renorm.Backward(y, dx);
        }
        );
        yield return ($"Invert {Channels} channels", () =>
        {
            instance.Forward(x, y, context);
            instance.Invert(y, y, context);
            instance.InvertBackward(y, x, dx, context);
        }
        );
        NormalizationLayer<float>[] others =
        [
            new BatchNorm1d<float>(300) { ChannelAxis = ChannelAxis.Last }, new InstanceNorm1d<float>(300) { ChannelAxis = ChannelAxis.Last },
            new GroupNorm<float>(20, 300) { ChannelAxis = ChannelAxis.Last }, new LayerNorm<float>(Channels) { ChannelAxis = ChannelAxis.First },
        ];
        yield return ("the other channel axis", () =>
        {
            foreach (NormalizationLayer<float> layer in others)
            {
                layer.Forward(x, y);
                layer.Backward(y, dx);
            }
        }
        );
        Tensor<float> v = Tensor<float>.RandomNormal([30, Channels, 9], seed: 2), g = Tensor<float>.RandomNormal([30], seed: 3);
        Tensor<float> weight = new(v.Shape), gradient = new(v.Shape), magnitudes = new(30);
        var spectral = new SpectralNorm<float>(v.Shape);
        yield return ("WeightNorm and SpectralNorm", () =>
        {
            WeightNorm.Forward(v, g, weight);
            WeightNorm.Backward(v, g, weight, gradient, magnitudes);
            spectral.Forward(v, weight);
            spectral.Backward(v, weight, gradient);
        }
        );
    }

    /// <summary>Passes in which only some positions count, with short and with long slices.</summary>
    private static IEnumerable<(string Name, Action Step)> Masked()
    {
        foreach ((NormalizationLayer<float> layer, int s) in ((NormalizationLayer<float>, int)[])
            [(new BatchNorm1d<float>(40), 9), (new BatchNorm1d<float>(40), 700), (new InstanceNorm<float>(40), 30), (new GroupNorm<float>(4, 40), 300)])
        {
            var context = new ForwardContext<float>();
            Tensor<float> x = Tensor<float>.RandomNormal([5, 40, s], seed: 1), y = new(x.Shape), dx = new(x.Shape);
            Tensor<float> weights = Tensor<float>.Full([5, s], 0.5f);
            int[] lengths = [s, s / 2, 0, 3, s - 1];
            var mask = new bool[5 * s];
            Array.Fill(mask, true, s / 2, 3 * s);
            yield return ($"{layer.GetType().Name[..^2]} masked {s}", () =>
            {
                layer.Train();
                foreach (ForwardOptions<float> options in (ReadOnlySpan<ForwardOptions<float>>)
                    [new() { Lengths = lengths }, new() { Mask = mask }, new() { Weights = weights, Residual = y, Sum = y, Skip = x }])
                {
                    layer.Forward(x, dx, options);
                    layer.Backward(x, dx);
                }
                layer.Eval();
                layer.Forward(x, dx, new ForwardOptions<float> { Lengths = lengths, KeepsInvalid = true });
                layer.Forward(x, dx, new ForwardOptions<float> { Mask = mask, Context = context });
                layer.Backward(x, dx, context);
            }
            );
        }
    }

    private static long Measure(Action step, int steps)
    {
        Run(step, WarmUps);
        long bytes = Count(step, steps);
        // The thread pool may start a thread meanwhile, which costs it a kilobyte once; what a step allocates comes again.
        for (int again = 0; again < Repeats && bytes != 0; again++)
            bytes = Math.Min(bytes, Count(step, steps));
        return bytes;
    }

    private static long Count(Action step, int steps)
    {
        // The counter itself is measured first: what it says about nothing is not the layer's.
        long before = GC.GetTotalAllocatedBytes(precise: true);
        long own = GC.GetTotalAllocatedBytes(precise: true) - before;
        before = GC.GetTotalAllocatedBytes(precise: true);
        Run(step, steps);
        return GC.GetTotalAllocatedBytes(precise: true) - before - own;
    }

    private static void Run(Action step, int steps)
    {
        for (int i = 0; i < steps; i++)
            step();
    }

    private static void Step<T>(Trial<T> trial, ForwardContext<T> context) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        trial.Layer.Train();
        trial.Step();
        trial.Layer.Eval();
        trial.Forward();
        trial.Layer.Forward(trial.Input, trial.Output, context);
        context.IsRecomputation = true;
        trial.Layer.Forward(trial.Input, trial.Output, context);
        context.IsRecomputation = false;
        trial.Layer.Backward(trial.OutputGradient, trial.InputGradient, context);
    }
}
