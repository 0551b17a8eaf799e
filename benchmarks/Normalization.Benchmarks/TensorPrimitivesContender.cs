using System.Numerics.Tensors;

namespace Normalization.Benchmarks;

/// <summary>
/// What a .NET developer would compose from <see cref="TensorPrimitives"/>: whole-span operations with the output as scratch,
/// into buffers that exist already, and a parallel loop over channels, groups or blocks of rows.
/// </summary>
internal sealed class TensorPrimitivesContender : IContender
{
    private const float Epsilon = 1e-5f;
    private const float Momentum = 0.1f;

    public string Library => "TensorPrimitives";

    public string Layout => "plain";

    public Action? Prepare(string operation, int[] shape, int groups, int threads)
    {
        int n = shape[0], c = shape[1], s = shape.Skip(2).Aggregate(1, (a, b) => a * b);
        var parts = Operation.Parse(operation);
        return parts.Norm switch
        {
            _ when parts.IsFused => null,
            "batchnorm" when shape.Length == 2 => new ComposedColumns(n, c, threads).Action(parts.Direction),
            "batchnorm" => new ComposedRuns(n, c, s, c, acrossBatch: true, threads).Action(parts.Direction),
            "groupnorm" => new ComposedRuns(n, c, s, groups, acrossBatch: false, threads).Action(parts.Direction),
            "instancenorm" => new ComposedRuns(n, c, s, c, acrossBatch: false, threads).Action(parts.Direction),
            "layernorm" => new ComposedRows(n, c * s, centered: true, threads).Action(parts.IsBackward),
            "rmsnorm" => new ComposedRows(n, c * s, centered: false, threads).Action(parts.IsBackward),
            _ => null,
        };
    }

    internal static float[] Normal(int length, int seed)
    {
        float[] values = new float[length];
        BenchmarkData.Fill<float>(values, seed);
        return values;
    }

    internal static float[] Uniform(int length, int seed, float offset)
    {
        Random random = new(seed);
        float[] values = new float[length];
        for (int i = 0; i < length; i++)
            values[i] = offset + random.NextSingle();
        return values;
    }

    internal static void For(int count, int threads, Action<int> body)
    {
        if (threads > 1 && count > 1)
        {
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, body);
            return;
        }

        for (int i = 0; i < count; i++)
            body(i);
    }

    internal static float Reciprocal(float variance) => 1 / MathF.Sqrt(variance + Epsilon);

    internal static float Average(float running, float batch) => running + Momentum * (batch - running);
}
