using System.Numerics.Tensors;

namespace Normalization.Benchmarks;

/// <summary>Batch norm on [N, C], composed from <see cref="TensorPrimitives"/>: row operations on vectors of C sums.</summary>
internal sealed class ComposedColumns
{
    private readonly int _n, _c, _threads, _blocks;
    private readonly float[] _x, _dy, _y, _weight, _bias, _mean, _variance, _reciprocal, _runningMean, _runningVariance;
    private readonly float[] _scale, _shift, _dw, _db, _scratch;

    public ComposedColumns(int n, int c, int threads)
    {
        (_n, _c, _threads, _blocks) = (n, c, threads, Math.Min(threads, c));
        _x = TensorPrimitivesContender.Normal(n * c, 1);
        _dy = TensorPrimitivesContender.Normal(n * c, 2);
        _y = new float[n * c];
        _weight = TensorPrimitivesContender.Uniform(c, 3, 0.5f);
        _bias = TensorPrimitivesContender.Uniform(c, 4, 0);
        (_mean, _variance, _reciprocal, _scale, _shift) = (new float[c], new float[c], new float[c], new float[c], new float[c]);
        (_runningMean, _runningVariance, _dw, _db, _scratch) = (new float[c], new float[c], new float[c], new float[c], new float[c]);
        Array.Fill(_runningVariance, 1);
    }

    public Action Action(string direction)
    {
        if (direction == "eval")
            return () => TensorPrimitivesContender.For(_blocks, _threads, block => Apply(block, _runningMean, _runningVariance));
        if (direction == "forward")
            return () => TensorPrimitivesContender.For(_blocks, _threads, Forward);
        TensorPrimitivesContender.For(_blocks, 1, Forward);
        return () => TensorPrimitivesContender.For(_blocks, _threads, Backward);
    }

    // A parallel item owns a block of columns.
    private (int From, int Length) Columns(int block)
    {
        int from = _c * block / _blocks;
        return (from, _c * (block + 1) / _blocks - from);
    }

    private void Forward(int block)
    {
        (int from, int length) = Columns(block);
        Span<float> mean = _mean.AsSpan(from, length), variance = _variance.AsSpan(from, length), difference = _scratch.AsSpan(from, length);
        mean.Clear();
        variance.Clear();
        for (int row = 0; row < _n; row++)
            TensorPrimitives.Add(mean, _x.AsSpan(row * _c + from, length), mean);
        TensorPrimitives.Divide(mean, _n, mean);
        for (int row = 0; row < _n; row++)
        {
            TensorPrimitives.Subtract(_x.AsSpan(row * _c + from, length), mean, difference);
            TensorPrimitives.MultiplyAdd(difference, difference, variance, variance);
        }

        for (int k = from; k < from + length; k++)
        {
            _runningMean[k] = TensorPrimitivesContender.Average(_runningMean[k], _mean[k]);
            _runningVariance[k] = TensorPrimitivesContender.Average(_runningVariance[k], _variance[k] / (_n - 1));
            _variance[k] /= _n;
        }

        Apply(block, _mean, _variance);
    }

    private void Apply(int block, float[] mean, float[] variance)
    {
        (int from, int length) = Columns(block);
        for (int k = from; k < from + length; k++)
        {
            _reciprocal[k] = TensorPrimitivesContender.Reciprocal(variance[k]);
            _scale[k] = _reciprocal[k] * _weight[k];
            _shift[k] = _bias[k] - mean[k] * _scale[k];
        }

        ReadOnlySpan<float> scale = _scale.AsSpan(from, length), shift = _shift.AsSpan(from, length);
        for (int row = 0; row < _n; row++)
            TensorPrimitives.MultiplyAdd(_x.AsSpan(row * _c + from, length), scale, shift, _y.AsSpan(row * _c + from, length));
    }

    private void Backward(int block)
    {
        (int from, int length) = Columns(block);
        Span<float> dw = _dw.AsSpan(from, length), db = _db.AsSpan(from, length), scratch = _scratch.AsSpan(from, length);
        ReadOnlySpan<float> mean = _mean.AsSpan(from, length), reciprocal = _reciprocal.AsSpan(from, length);
        dw.Clear();
        db.Clear();
        for (int row = 0; row < _n; row++)
        {
            ReadOnlySpan<float> dy = _dy.AsSpan(row * _c + from, length);
            Span<float> normalized = _y.AsSpan(row * _c + from, length);
            TensorPrimitives.Subtract(_x.AsSpan(row * _c + from, length), mean, normalized);
            TensorPrimitives.Multiply(normalized, reciprocal, normalized);
            TensorPrimitives.MultiplyAdd(dy, normalized, dw, dw);
            TensorPrimitives.Add(db, dy, db);
        }

        // dx = γ·r·(dy - dβ/N - x̂·dγ/N), with x̂ where dx goes.
        ReadOnlySpan<float> scale = _scale.AsSpan(from, length);
        Span<float> slope = _shift.AsSpan(from, length);
        TensorPrimitives.Divide(db, _n, scratch);
        TensorPrimitives.Divide(dw, -_n, slope);
        for (int row = 0; row < _n; row++)
        {
            Span<float> dx = _y.AsSpan(row * _c + from, length);
            TensorPrimitives.MultiplyAdd(dx, slope, _dy.AsSpan(row * _c + from, length), dx);
            TensorPrimitives.Subtract(dx, scratch, dx);
            TensorPrimitives.Multiply(dx, scale, dx);
        }
    }
}
