using System.Numerics.Tensors;

namespace Normalization.Benchmarks;

/// <summary>Batch, group and instance norm on [N, C, S], composed from <see cref="TensorPrimitives"/> run by run.</summary>
internal sealed class ComposedRuns
{
    private readonly int _n, _c, _s, _groups, _threads;
    private readonly bool _acrossBatch;
    private readonly float[] _x, _dy, _y, _weight, _bias, _mean, _reciprocal, _runningMean, _runningVariance, _dw, _db;

    public ComposedRuns(int n, int c, int s, int groups, bool acrossBatch, int threads)
    {
        (_n, _c, _s, _groups, _acrossBatch, _threads) = (n, c, s, groups, acrossBatch, threads);
        _x = TensorPrimitivesContender.Normal(n * c * s, 1);
        _dy = TensorPrimitivesContender.Normal(n * c * s, 2);
        _y = new float[n * c * s];
        _weight = TensorPrimitivesContender.Uniform(c, 3, 0.5f);
        _bias = TensorPrimitivesContender.Uniform(c, 4, 0);
        _mean = new float[acrossBatch ? c : n * groups];
        _reciprocal = new float[_mean.Length];
        (_runningMean, _runningVariance) = (new float[c], new float[c]);
        Array.Fill(_runningVariance, 1);
        (_dw, _db) = (new float[c], new float[c]);
    }

    public Action Action(string direction)
    {
        if (direction == "eval")
            return () => TensorPrimitivesContender.For(_c, _threads, Evaluate);
        if (direction == "forward")
            return () => TensorPrimitivesContender.For(_groups, _threads, Forward);
        TensorPrimitivesContender.For(_groups, 1, Forward);
        return () => TensorPrimitivesContender.For(_groups, _threads, Backward);
    }

    private int Channels => _c / _groups;

    // The groups of statistics that one parallel item owns: all of the batch in one, or one per batch entry.
    private IEnumerable<(int Index, int FirstBatch, int Batches)> Sets(int g) =>
        _acrossBatch ? [(g, 0, _n)] : Enumerable.Range(0, _n).Select(i => (i * _groups + g, i, 1));

    private Range Run(int n, int channel) => new((n * _c + channel) * _s, (n * _c + channel + 1) * _s);

    private void Forward(int g)
    {
        foreach ((int index, int first, int batches) in Sets(g))
        {
            int count = batches * Channels * _s;
            float sum = 0, squares = 0;
            for (int n = first; n < first + batches; n++)
                sum += TensorPrimitives.Sum<float>(_x.AsSpan(Group(n, g)));
            float mean = sum / count;
            for (int n = first; n < first + batches; n++)
            {
                Span<float> y = _y.AsSpan(Group(n, g));
                TensorPrimitives.Subtract(_x.AsSpan(Group(n, g)), mean, y);
                squares += TensorPrimitives.SumOfSquares<float>(y);
            }

            float variance = squares / count, reciprocal = TensorPrimitivesContender.Reciprocal(variance);
            (_mean[index], _reciprocal[index]) = (mean, reciprocal);
            for (int n = first; n < first + batches; n++)
            {
                for (int k = g * Channels; k < (g + 1) * Channels; k++)
                {
                    Span<float> y = _y.AsSpan(Run(n, k));
                    TensorPrimitives.Multiply(y, reciprocal * _weight[k], y);
                    TensorPrimitives.Add(y, _bias[k], y);
                }
            }

            if (_acrossBatch)
            {
                _runningMean[g] = TensorPrimitivesContender.Average(_runningMean[g], mean);
                _runningVariance[g] = TensorPrimitivesContender.Average(_runningVariance[g], squares / (count - 1));
            }
        }
    }

    private void Evaluate(int k)
    {
        float scale = TensorPrimitivesContender.Reciprocal(_runningVariance[k]) * _weight[k];
        for (int n = 0; n < _n; n++)
        {
            Span<float> y = _y.AsSpan(Run(n, k));
            TensorPrimitives.Subtract(_x.AsSpan(Run(n, k)), _runningMean[k], y);
            TensorPrimitives.Multiply(y, scale, y);
            TensorPrimitives.Add(y, _bias[k], y);
        }
    }

    private void Backward(int g)
    {
        for (int k = g * Channels; k < (g + 1) * Channels; k++)
            _dw[k] = _db[k] = 0;
        foreach ((int index, int first, int batches) in Sets(g))
        {
            float mean = _mean[index], reciprocal = _reciprocal[index], weighted = 0, weightedNormalized = 0;
            for (int n = first; n < first + batches; n++)
            {
                for (int k = g * Channels; k < (g + 1) * Channels; k++)
                {
                    Span<float> normalized = _y.AsSpan(Run(n, k)), dy = _dy.AsSpan(Run(n, k));
                    TensorPrimitives.Subtract(_x.AsSpan(Run(n, k)), mean, normalized);
                    TensorPrimitives.Multiply(normalized, reciprocal, normalized);
                    float dot = TensorPrimitives.Dot<float>(dy, normalized), sum = TensorPrimitives.Sum<float>(dy);
                    _dw[k] += dot;
                    _db[k] += sum;
                    weighted += _weight[k] * sum;
                    weightedNormalized += _weight[k] * dot;
                }
            }

            float count = batches * Channels * _s;
            for (int n = first; n < first + batches; n++)
            {
                for (int k = g * Channels; k < (g + 1) * Channels; k++)
                {
                    // dx = r·(γ·dy - m(g) - x̂·m(g·x̂)), with x̂ where dx goes.
                    Span<float> dx = _y.AsSpan(Run(n, k));
                    TensorPrimitives.Multiply(dx, -weightedNormalized / count, dx);
                    TensorPrimitives.MultiplyAdd(_dy.AsSpan(Run(n, k)), _weight[k], dx, dx);
                    TensorPrimitives.Subtract(dx, weighted / count, dx);
                    TensorPrimitives.Multiply(dx, reciprocal, dx);
                }
            }
        }
    }

    private Range Group(int n, int g) => new((n * _c + g * Channels) * _s, (n * _c + (g + 1) * Channels) * _s);
}
