using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Normalization.Tests;

/// <summary>A layer with coefficients and running statistics that are not the initial ones, an input and an output gradient.</summary>
internal sealed class Sample<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public Sample(Case item, double mean = 0.5, double deviation = 2, int seed = 1)
    {
        Case = item;
        Layer = item.Create<T>();
        Input = Normal(item.Shape, seed, mean, deviation);
        OutputGradient = Normal(item.Shape, seed + 1, 0.2, 1);
        Output = Padded(item.Shape);
        InputGradient = Padded(item.Shape);
        Randomize(Layer.Weight?.Value, seed + 2, 1, 0.5);
        Randomize(Layer.Bias?.Value, seed + 3, 0.3, 0.7);
        if (Running is { RunningMean: Tensor<T> runningMean, RunningVariance: Tensor<T> runningVariance })
        {
            Randomize(runningMean, seed + 4, 0.2, 1);
            Randomize(runningVariance, seed + 5, 0, 1);
            foreach (ref T variance in runningVariance.Span)
                variance = T.Abs(variance) + T.CreateChecked(0.5);
        }
    }

    public Case Case { get; }

    public NormalizationLayer<T> Layer { get; }

    public RunningStatisticsLayer<T>? Running => Layer as RunningStatisticsLayer<T>;

    public Tensor<T> Input { get; }

    public Tensor<T> Output { get; }

    public Tensor<T> OutputGradient { get; }

    public Tensor<T> InputGradient { get; }

    public ForwardContext<T> Context { get; } = new();

    public bool HasFixedStatistics => Running?.RunningMean is not null && (!Layer.IsTraining || Running.UseRunningStatistics);

    /// <summary>A tensor of NaN within an array that has one more NaN at either end.</summary>
    public static Tensor<T> Padded(int[] shape)
    {
        int length = Tensor<T>.Uninitialized(shape).Length;
        T[] array = new T[length + 2];
        array.AsSpan().Fill(T.NaN);
        return new(array.AsMemory(1, length), shape);
    }

    /// <summary>The array around a padded tensor.</summary>
    public static T[] Around(Tensor<T> tensor) =>
        MemoryMarshal.TryGetArray<T>(tensor.Memory, out ArraySegment<T> segment) ? segment.Array! : throw new ArgumentException("No array.");

    public static Tensor<T> Normal(int[] shape, int seed, double mean, double deviation)
    {
        Tensor<T> tensor = Padded(shape);
        Randomize(tensor, seed, mean, deviation);
        return tensor;
    }

    /// <summary>Forward and backward with the context, in whichever mode the layer is.</summary>
    public Sample<T> Run(bool isTraining = true)
    {
        if (isTraining)
            Layer.Train();
        else
            Layer.Eval();
        Layer.Forward(Input, Output, Context);
        Layer.Backward(OutputGradient, InputGradient, Context);
        return this;
    }

    /// <summary>The bits of all that a pass has written.</summary>
    public long[] Bits() =>
    [
        .. Values.Bits(Output),
        .. Values.Bits(InputGradient),
        .. Layer.Parameters.SelectMany(static parameter => Values.Bits(parameter.Gradient)),
        .. Values.Bits(Running?.RunningMean),
        .. Values.Bits(Running?.RunningVariance),
    ];

    private static void Randomize(Tensor<T>? tensor, int seed, double mean, double deviation)
    {
        if (tensor is null)
            return;
        double[] values = Normals.Of(tensor.Length, seed);
        for (int i = 0; i < values.Length; i++)
            tensor.Span[i] = T.CreateChecked(mean + (deviation * values[i]));
    }
}

/// <summary>Standard normal values; the same for the same length and seed, and drawn only once.</summary>
internal static class Normals
{
    private const int Kept = 200_000;

    private static readonly ConcurrentDictionary<(int, int), double[]> _drawn = new();

    public static double[] Of(int length, int seed) =>
        length > Kept ? Draw((length, seed)) : _drawn.GetOrAdd((length, seed), Draw);

    private static double[] Draw((int Length, int Seed) key)
    {
        double[] values = new double[key.Length];
        MathNet.Numerics.Distributions.Normal.Samples(new Random(key.Seed), values, 0, 1);
        return values;
    }
}
