using System.Numerics;
using Normalization;

namespace OwnLayers;

/// <summary>
/// BatchNorm of virtual batches: in training each piece of a batch has statistics of its own and moves the running statistics once.
/// </summary>
internal sealed class GhostBatchNorm<T>(int numFeatures, int pieceSize)
    : BatchNorm<T>(numFeatures, epsilon: 1e-5, momentum: 0.1, affine: true, trackRunningStatistics: true)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly List<ForwardContext<T>> _contexts = [];

    public override void Forward(Tensor<T> input, Tensor<T> output)
    {
        if (!IsTraining)
        {
            base.Forward(input, output);
            return;
        }
        for (int i = 0; i < Pieces(input); i++)
        {
            if (i == _contexts.Count)
                _contexts.Add(new());
            base.Forward(Piece(input, i), Piece(output, i), _contexts[i]);
        }
    }

    public override void Backward(Tensor<T> outputGradient, Tensor<T> inputGradient)
    {
        for (int i = 0; i < Pieces(outputGradient); i++)
            base.Backward(Piece(outputGradient, i), Piece(inputGradient, i), _contexts[i]);
    }

    private int Pieces(Tensor<T> batch) => batch.Shape[0] % pieceSize == 0
        ? batch.Shape[0] / pieceSize
        : throw new ArgumentException($"expected a batch of pieces of {pieceSize} samples, got {batch.Shape[0]} samples");

    private Tensor<T> Piece(Tensor<T> batch, int index)
    {
        int length = batch.Length / batch.Shape[0] * pieceSize;
        return new(batch.Memory.Slice(index * length, length), [pieceSize, .. batch.Shape[1..]]);
    }
}
