using System.Numerics;
using System.Numerics.Tensors;

namespace Normalization.Benchmarks;

/// <summary>
/// The fused operations as separate steps: this library's norm, and what comes before or behind it from <see cref="TensorPrimitives"/>,
/// on as many threads.
/// </summary>
internal sealed class UnfusedContender : IContender
{
    // A second thread costs more than it saves below this size.
    private const int LeastElementsForThreads = 1 << 16;

    public string Library => "Normalization";

    public string Layout => "unfused";

    public Action? Prepare(string operation, int[] shape, int groups, int threads)
    {
        var parts = Operation.Parse(operation);
        if (!parts.IsFused)
            return null;
        NormalizationLayer<float> layer = NormalizationContender<float>.CreateLayer(parts, shape, groups, Activation.None);
        Tensor<float> x = BenchmarkData.Normal<float>(shape, seed: 1), y = new(shape), step = new(shape);
        Tensor<float>? other = parts.HasTwoInputs ? BenchmarkData.Normal<float>(shape, seed: 2) : null;
        layer.Forward(x, y);
        int count = x.Length < LeastElementsForThreads ? 1 : threads;
        Action work = parts switch
        {
            { HasResidual: true } => Sequence(
                Each(x.Length, count, part => TensorPrimitives.Add<float>(x.Span[part], other!.Span[part], step.Span[part])),
                () => layer.Forward(step, y)),
            { IsBackward: true } => Sequence(
                Each(x.Length, count, part => ReluGradient(other!.Span[part], y.Span[part], step.Span[part])),
                () => layer.Backward(step, step)),
            { IsModulated: true } => Sequence(() => layer.Forward(x, y), Modulation(y, count)),
            { HasSkip: true } => Sequence(
                () => layer.Forward(x, y),
                Each(x.Length, count, part =>
                {
                    TensorPrimitives.Add<float>(y.Span[part], other!.Span[part], y.Span[part]);
                    TensorPrimitives.Max(y.Span[part], 0, y.Span[part]);
                })),
            _ => Sequence(() => layer.Forward(x, y), Each(x.Length, count, part => TensorPrimitives.Max(y.Span[part], 0, y.Span[part]))),
        };
        return () =>
        {
            NormalizationParallelism.MaxDegree = threads;
            work();
        };
    }

    /// <summary>Scales and shifts the rows of each sample.</summary>
    private static Action Modulation(Tensor<float> y, int count)
    {
        (int samples, int width) = (y.Shape[0], y.Shape[^1]);
        int rows = y.Length / width;
        Tensor<float> scale = BenchmarkData.Normal<float>([samples, width], seed: 3), shift = BenchmarkData.Normal<float>([samples, width], seed: 4);
        Tensor<float> factor = new(samples, width);
        Action apply = Each(rows, count, part =>
        {
            for (int row = part.Start.Value; row < part.End.Value; row++)
            {
                int sample = (int)((long)row * samples / rows);
                Span<float> values = y.Span.Slice(row * width, width);
                TensorPrimitives.MultiplyAdd(values, factor.Span.Slice(sample * width, width), shift.Span.Slice(sample * width, width), values);
            }
        });
        return Sequence(() => TensorPrimitives.Add(scale.Span, 1, factor.Span), apply);
    }

    private static Action Sequence(Action first, Action second) => () =>
    {
        first();
        second();
    };

    /// <summary>dy where the output is above zero, and zero elsewhere.</summary>
    private static void ReluGradient(ReadOnlySpan<float> dy, ReadOnlySpan<float> y, Span<float> dx)
    {
        int i = 0;
        for (; i <= dx.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<int> passes = Vector.GreaterThan(new Vector<float>(y[i..]), Vector<float>.Zero);
            Vector.ConditionalSelect(passes, new Vector<float>(dy[i..]), Vector<float>.Zero).CopyTo(dx[i..]);
        }

        for (; i < dx.Length; i++)
            dx[i] = y[i] > 0 ? dy[i] : 0;
    }

    /// <summary>A call of the work for as many stretches of the length as said, each on a thread of its own.</summary>
    private static Action Each(int length, int count, Action<Range> work)
    {
        if (count == 1)
            return () => work(0..length);
        Action<int> one = part => work((int)((long)length * part / count)..(int)((long)length * (part + 1) / count));
        return () => TensorPrimitivesContender.For(count, count, one);
    }
}
