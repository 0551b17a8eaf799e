namespace Normalization.Verify.Numerics;

/// <summary>
/// What PyTorch computes on a CPU in float, after its published kernels: BatchNorm and InstanceNorm as x · a + b, GroupNorm the
/// same with Welford's moments, LayerNorm as (x · r + b) · γ + β, RmsNorm composed of float operations.
/// </summary>
internal static class PeerFormulas
{
    private const int Lanes = 8;
    private const int Chunk = 16;

    /// <summary>One group's outputs.</summary>
    public static void Normalize(LayerKind kind, float[] x, float[]? weight, float[]? bias, float epsilon, float[] y)
    {
        if (kind == LayerKind.RmsNorm)
        {
            float r = 1 / MathF.Sqrt((PairwiseSquares(x) / x.Length) + epsilon);
            for (int i = 0; i < x.Length; i++)
                y[i] = x[i] * r * (weight?[i] ?? 1);
            return;
        }
        (float mean, float variance) = kind is LayerKind.BatchNorm or LayerKind.InstanceNorm ? TwoPass(x) : Welford(x);
        float scale = 1 / MathF.Sqrt(variance + epsilon);
        for (int i = 0; i < x.Length; i++)
        {
            (float gamma, float beta) = (weight?[i] ?? 1, bias?[i] ?? 0);
            if (kind == LayerKind.LayerNorm)
            {
                y[i] = (((x[i] * scale) + (-scale * mean)) * gamma) + beta;
            }
            else
            {
                float a = scale * gamma;
                y[i] = (x[i] * a) + (beta - (mean * a));
            }
        }
    }

    /// <summary>The sums in double, but the mean that is subtracted and the differences in float.</summary>
    private static (float Mean, float Variance) TwoPass(float[] x)
    {
        double sum = 0;
        foreach (float value in x)
            sum += value;
        float mean = (float)(sum / x.Length);
        double squares = 0;
        foreach (float value in x)
            squares += (value - mean) * (value - mean);
        return (mean, (float)squares / x.Length);
    }

    /// <summary>Welford's update in float, in lanes and chunks that are merged like a binary counter.</summary>
    private static (float Mean, float Variance) Welford(float[] x)
    {
        int vectors = x.Length / Lanes;
        Moment total = default;
        for (int i = vectors * Lanes; i < x.Length; i++)
            total.Add(x[i]);
        Span<Moment> levels = stackalloc Moment[32];
        for (int lane = 0; lane < Lanes; lane++)
        {
            levels.Clear();
            for (int chunk = 0; chunk * Chunk < vectors; chunk++)
            {
                Moment part = default;
                for (int j = chunk * Chunk; j < Math.Min(vectors, (chunk + 1) * Chunk); j++)
                    part.Add(x[(j * Lanes) + lane]);
                int level = 0;
                for (; ((chunk >> level) & 1) != 0; level++)
                {
                    levels[level].Merge(part);
                    (part, levels[level]) = (levels[level], default);
                }
                levels[level] = part;
            }
            foreach (Moment moment in levels)
                total.Merge(moment);
        }
        return (total.Mean, total.Squares / x.Length);
    }

    private static float PairwiseSquares(ReadOnlySpan<float> x)
    {
        if (x.Length > Chunk * Lanes)
            return PairwiseSquares(x[..(x.Length / 2)]) + PairwiseSquares(x[(x.Length / 2)..]);
        float sum = 0;
        foreach (float value in x)
            sum += value * value;
        return sum;
    }

    private struct Moment
    {
        private int _count;

        public float Mean { get; private set; }

        public float Squares { get; private set; }

        public void Add(float value)
        {
            float delta = value - Mean;
            _count++;
            Mean += delta / _count;
            Squares += delta * (value - Mean);
        }

        public void Merge(Moment other)
        {
            int count = _count + other._count;
            if (count == 0)
                return;
            float share = (float)other._count / count, delta = other.Mean - Mean;
            Mean += share * delta;
            Squares += other.Squares + (delta * delta * share * _count);
            _count = count;
        }
    }
}
