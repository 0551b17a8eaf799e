using System.Numerics.Tensors;

namespace Normalization.Training.Networks;

/// <summary>Self-attention of one head over the tokens of each example: softmax(Q·Kᵀ / √width)·V, and a linear step after it.</summary>
internal sealed class Attention : ILayer
{
    private readonly int _tokens;
    private readonly int _width;
    private readonly Linear _query, _key, _value, _output;
    private readonly Scratch _probabilities = new();
    private readonly Scratch _mixtures = new();
    private readonly Scratch _queryGradients = new(), _keyGradients = new(), _valueGradients = new(), _inputGradients = new();
    private Tensor<float>? _q, _k, _v, _p;

    public Attention(int tokens, int width, Random random)
    {
        double deviation = Math.Sqrt(1.0 / width);
        (_tokens, _width) = (tokens, width);
        (_query, _key) = (new(width, width, deviation, random), new(width, width, deviation, random));
        (_value, _output) = (new(width, width, deviation, random), new(width, width, deviation, random));
    }

    public IReadOnlyList<Parameter<float>> Parameters =>
        [.. _query.Parameters, .. _key.Parameters, .. _value.Parameters, .. _output.Parameters];

    private float Scale => 1 / MathF.Sqrt(_width);

    public Tensor<float> Forward(Tensor<float> input)
    {
        (_q, _k, _v) = (_query.Forward(input), _key.Forward(input), _value.Forward(input));
        _p = _probabilities.Get(input.Shape[0], _tokens);
        Tensor<float> mixture = _mixtures.Get(input.Shape);
        for (int first = 0; first < input.Shape[0]; first += _tokens)
        {
            Tensor<float> p = Part(_p, first);
            MatrixProduct.MultiplyByTransposed(Part(_q, first), Part(_k, first), p, _tokens, _width, _tokens);
            for (int row = 0; row < _tokens; row++)
                Softmax(p.Span.Slice(row * _tokens, _tokens));

            MatrixProduct.Multiply(p, Part(_v, first), Part(mixture, first), _tokens, _tokens, _width);
        }

        return _output.Forward(mixture);
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        Tensor<float> gradient = _output.Backward(outputGradient);
        (Tensor<float> dq, Tensor<float> dk) = (_queryGradients.Get(gradient.Shape), _keyGradients.Get(gradient.Shape));
        Tensor<float> dv = _valueGradients.Get(gradient.Shape);
        var scores = new Tensor<float>(_tokens, _tokens);
        for (int first = 0; first < gradient.Shape[0]; first += _tokens)
        {
            Tensor<float> p = Part(_p!, first), dy = Part(gradient, first);
            MatrixProduct.Multiply(p, dy, Part(dv, first), _tokens, _tokens, _width, transposeA: true);
            MatrixProduct.MultiplyByTransposed(dy, Part(_v!, first), scores, _tokens, _width, _tokens);
            for (int row = 0; row < _tokens; row++)
                SoftmaxGradient(p.Span.Slice(row * _tokens, _tokens), scores.Span.Slice(row * _tokens, _tokens));

            MatrixProduct.Multiply(scores, Part(_k!, first), Part(dq, first), _tokens, _tokens, _width);
            MatrixProduct.Multiply(scores, Part(_q!, first), Part(dk, first), _tokens, _tokens, _width, transposeA: true);
        }

        Tensor<float> inputGradient = _inputGradients.Get(gradient.Shape);
        TensorPrimitives.Add(_query.Backward(dq).Span, _key.Backward(dk).Span, inputGradient.Span);
        TensorPrimitives.Add(inputGradient.Span, _value.Backward(dv).Span, inputGradient.Span);
        return inputGradient;
    }

    private void Softmax(Span<float> scores)
    {
        TensorPrimitives.Multiply(scores, Scale, scores);
        TensorPrimitives.Subtract(scores, TensorPrimitives.Max<float>(scores), scores);
        Elementary.Exp(scores, scores);
        TensorPrimitives.Divide(scores, Elementary.Sum(scores), scores);
    }

    /// <summary>Turns the gradient by the probabilities of a row into that by its scores, before they are scaled.</summary>
    private void SoftmaxGradient(ReadOnlySpan<float> p, Span<float> gradient)
    {
        float mean = 0;
        for (int i = 0; i < p.Length; i++)
            mean += p[i] * gradient[i];

        for (int i = 0; i < p.Length; i++)
            gradient[i] = p[i] * (gradient[i] - mean) * Scale;
    }

    /// <summary>The rows of one example, which begin with this one.</summary>
    private Tensor<float> Part(Tensor<float> rows, int first)
    {
        int width = rows.Shape[1];
        return new Tensor<float>(rows.Memory.Slice(first * width, _tokens * width), _tokens, width);
    }
}
