using System.Numerics.Tensors;

namespace Normalization.Benchmarks;

/// <summary>Layer norm (centered) and RMS norm on rows, composed from <see cref="TensorPrimitives"/> row by row.</summary>
internal sealed class ComposedRows
{
    private readonly int _rows, _width, _threads, _blocks;
    private readonly bool _centered;
    private readonly float[] _x, _dy, _y, _weight, _bias, _mean, _reciprocal, _dw, _db, _scratch;

    public ComposedRows(int rows, int width, bool centered, int threads)
    {
        (_rows, _width, _centered, _threads, _blocks) = (rows, width, centered, threads, Math.Min(threads, rows));
        _x = TensorPrimitivesContender.Normal(rows * width, 1);
        _dy = TensorPrimitivesContender.Normal(rows * width, 2);
        _y = new float[rows * width];
        _weight = TensorPrimitivesContender.Uniform(width, 3, 0.5f);
        _bias = TensorPrimitivesContender.Uniform(width, 4, 0);
        (_mean, _reciprocal) = (new float[rows], new float[rows]);
        (_dw, _db, _scratch) = (new float[_blocks * width], new float[_blocks * width], new float[_blocks * width]);
    }

    public Action Action(bool backward)
    {
        if (!backward)
            return () => TensorPrimitivesContender.For(_blocks, _threads, Forward);
        TensorPrimitivesContender.For(_blocks, 1, Forward);
        return () =>
        {
            TensorPrimitivesContender.For(_blocks, _threads, Backward);
            for (int block = 1; block < _blocks; block++)
            {
                TensorPrimitives.Add(_dw.AsSpan(0, _width), _dw.AsSpan(block * _width, _width), _dw.AsSpan(0, _width));
                TensorPrimitives.Add(_db.AsSpan(0, _width), _db.AsSpan(block * _width, _width), _db.AsSpan(0, _width));
            }
        };
    }

    private (int From, int To) Rows(int block) => ((int)((long)_rows * block / _blocks), (int)((long)_rows * (block + 1) / _blocks));

    private void Forward(int block)
    {
        (int from, int to) = Rows(block);
        for (int row = from; row < to; row++)
        {
            ReadOnlySpan<float> x = _x.AsSpan(row * _width, _width);
            Span<float> y = _y.AsSpan(row * _width, _width);
            float mean = _centered ? TensorPrimitives.Sum(x) / _width : 0;
            if (_centered)
                TensorPrimitives.Subtract(x, mean, y);
            float squares = TensorPrimitives.SumOfSquares(_centered ? y : x);
            (_mean[row], _reciprocal[row]) = (mean, TensorPrimitivesContender.Reciprocal(squares / _width));
            TensorPrimitives.Multiply(_centered ? y : x, _reciprocal[row], y);
            if (_centered)
                TensorPrimitives.MultiplyAdd(y, _weight, _bias, y);
            else
                TensorPrimitives.Multiply(y, _weight, y);
        }
    }

    private void Backward(int block)
    {
        Span<float> dw = _dw.AsSpan(block * _width, _width), db = _db.AsSpan(block * _width, _width);
        Span<float> weighted = _scratch.AsSpan(block * _width, _width);
        dw.Clear();
        db.Clear();
        (int from, int to) = Rows(block);
        for (int row = from; row < to; row++)
        {
            ReadOnlySpan<float> x = _x.AsSpan(row * _width, _width), dy = _dy.AsSpan(row * _width, _width);
            Span<float> dx = _y.AsSpan(row * _width, _width);
            if (_centered)
                TensorPrimitives.Subtract(x, _mean[row], dx);
            TensorPrimitives.Multiply(_centered ? dx : x, _reciprocal[row], dx);
            TensorPrimitives.MultiplyAdd(dy, dx, dw, dw);
            TensorPrimitives.Multiply(dy, _weight, weighted);
            float dot = TensorPrimitives.Dot<float>(weighted, dx) / _width;
            TensorPrimitives.Multiply(dx, -dot, dx);
            TensorPrimitives.Add(dx, weighted, dx);
            if (_centered)
            {
                TensorPrimitives.Add(db, dy, db);
                TensorPrimitives.Subtract(dx, TensorPrimitives.Sum<float>(weighted) / _width, dx);
            }

            TensorPrimitives.Multiply(dx, _reciprocal[row], dx);
        }
    }
}
