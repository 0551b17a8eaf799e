using System.Numerics.Tensors;

namespace Normalization.Training.Networks;

/// <summary>A recurrent layer, h_t = tanh(norm(W·x_t + U·h_{t-1} + b)): from sequences [time, example, feature] to the last state of
/// each.</summary>
/// <remarks>Every step works on all sequences. One that has ended is not valid any more: BatchNorm gets a mask, and no loss reads the later
/// states. What stands behind the end of a sequence must be finite, because its gradient is 0 times that.</remarks>
/// <param name="inputs">The features of a step.</param>
/// <param name="units">The length of the state.</param>
/// <param name="lengths">The lengths of the sequences that are about to come.</param>
/// <param name="norms">None, one layer for all steps, or one for each step, the last of which serves all later steps too.</param>
/// <param name="random">Where the first weights come from.</param>
internal sealed class Recurrent(
    int inputs, int units, Func<IReadOnlyList<int>> lengths, IReadOnlyList<NormalizationLayer<float>> norms, Random random) : ILayer
{
    private readonly Parameter<float> _inputWeight =
        new("input_weight", Tensor<float>.RandomNormal([units, inputs], random.Next(), 0, Math.Sqrt(1.0 / inputs)));
    private readonly Parameter<float> _stateWeight =
        new("state_weight", Tensor<float>.RandomNormal([units, units], random.Next(), 0, Math.Sqrt(1.0 / units)));
    // Not zero: before an empty first step a zero bias is a constant row, where a norm multiplies gradients by 1/√ε.
    private readonly Parameter<float> _bias =
        new("bias", Tensor<float>.RandomNormal([units], random.Next(), 0, Math.Sqrt(1.0 / units)));
    private readonly List<Step> _steps = [];
    private readonly Scratch _outputs = new();
    private readonly Scratch _stateGradients = new();
    private readonly Scratch _inputGradients = new();
    private Tensor<float>? _input;
    private IReadOnlyList<int> _ends = [];

    public IReadOnlyList<Parameter<float>> Parameters =>
        [_inputWeight, _stateWeight, _bias, .. norms.SelectMany(norm => norm.Parameters)];

    public void Train()
    {
        foreach (NormalizationLayer<float> norm in norms)
            norm.Train();
    }

    public void Eval()
    {
        foreach (NormalizationLayer<float> norm in norms)
            norm.Eval();
    }

    public Tensor<float> Forward(Tensor<float> input)
    {
        _input = input;
        _ends = lengths();
        for (int t = 0; t < input.Shape[0]; t++)
        {
            if (t == _steps.Count)
                _steps.Add(new Step());

            Forward(_steps[t], t);
        }

        Tensor<float> output = _outputs.Get(_ends.Count, units);
        for (int n = 0; n < _ends.Count; n++)
            Row(_steps[_ends[n] - 1].State!, n).CopyTo(Row(output, n));

        return output;
    }

    public Tensor<float> Backward(Tensor<float> outputGradient)
    {
        Tensor<float> inputGradient = _inputGradients.Get(_input!.Shape);

        // Row n holds the gradient by the state of sequence n: 0 behind its end, because nothing reads those states.
        Tensor<float> stateGradient = _stateGradients.Get(outputGradient.Shape);
        stateGradient.Fill(0);
        for (int t = _input.Shape[0] - 1; t >= 0; t--)
        {
            for (int n = 0; n < _ends.Count; n++)
            {
                if (_ends[n] == t + 1)
                    Row(outputGradient, n).CopyTo(Row(stateGradient, n));
            }

            Backward(_steps[t], t, stateGradient, inputGradient);
        }

        return inputGradient;
    }

    private void Forward(Step step, int t)
    {
        int count = _ends.Count;
        Tensor<float> sum = step.Sums.Get(count, units);
        MatrixProduct.MultiplyByTransposed(RowsAt(_input!, t), _inputWeight.Value, sum, count, inputs, units);
        if (t > 0)
            MatrixProduct.MultiplyByTransposed(_steps[t - 1].State!, _stateWeight.Value, sum, count, units, units, add: true);

        for (int n = 0; n < count; n++)
            TensorPrimitives.Add(Row(sum, n), _bias.Value.Span, Row(sum, n));

        step.State = step.States.Get(count, units);
        NormAt(t)?.Forward(sum, step.State, OptionsAt(step, t));
        Elementary.Tanh((norms.Count > 0 ? step.State : sum).Span, step.State.Span);
    }

    private void Backward(Step step, int t, Tensor<float> stateGradient, Tensor<float> inputGradient)
    {
        int count = _ends.Count;
        Tensor<float> gradient = step.Gradients.Get(count, units);
        ReadOnlySpan<float> state = step.State!.Span;
        for (int i = 0; i < state.Length; i++)
            gradient.Span[i] = stateGradient.Span[i] * (1 - state[i] * state[i]);

        NormAt(t)?.Backward(gradient, gradient, step.Context);
        for (int n = 0; n < count; n++)
            TensorPrimitives.Add(_bias.Gradient.Span, Row(gradient, n), _bias.Gradient.Span);

        MatrixProduct.Multiply(gradient, RowsAt(_input!, t), _inputWeight.Gradient, units, count, inputs, transposeA: true, add: true);
        MatrixProduct.Multiply(gradient, _inputWeight.Value, RowsAt(inputGradient, t), count, units, inputs);
        if (t > 0)
        {
            MatrixProduct.Multiply(
                gradient, _steps[t - 1].State!, _stateWeight.Gradient, units, count, units, transposeA: true, add: true);
            MatrixProduct.Multiply(gradient, _stateWeight.Value, stateGradient, count, units, units);
        }
    }

    private NormalizationLayer<float>? NormAt(int t) => norms.Count == 0 ? null : norms[Math.Min(t, norms.Count - 1)];

    /// <summary>The mask is that of a norm over the examples. LayerNorm refuses one, because its rows do not change each other.</summary>
    private ForwardOptions<float> OptionsAt(Step step, int t) => new()
    {
        Context = step.Context,
        Mask = NormAt(t) is BatchNorm<float> ? _ends.Select(end => end > t).ToArray() : default,
    };

    private Tensor<float> RowsAt(Tensor<float> sequences, int t) =>
        new(sequences.Memory.Slice(t * _ends.Count * inputs, _ends.Count * inputs), _ends.Count, inputs);

    private Span<float> Row(Tensor<float> tensor, int n) => tensor.Span.Slice(n * units, units);

    /// <summary>What one step keeps for its way back.</summary>
    private sealed class Step
    {
        public Scratch Sums { get; } = new();

        public Scratch States { get; } = new();

        public Scratch Gradients { get; } = new();

        public ForwardContext<float> Context { get; } = new();

        public Tensor<float>? State { get; set; }
    }
}
