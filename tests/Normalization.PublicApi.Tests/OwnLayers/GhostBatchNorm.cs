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
    protected override void ForwardCore(in ForwardPass<T> pass)
    {
        if (!pass.IsTraining)
        {
            pass.Context?.LayerData = null;
            base.ForwardCore(pass);
            return;
        }
        if (pass.Shape[0] % pieceSize != 0)
            throw new ArgumentException($"expected a batch of pieces of {pieceSize} samples, got {pass.Shape[0]} samples");
        var pieces = pass.Context!.LayerData as List<ForwardContext<T>> ?? [];
        Span<int> shape = stackalloc int[pass.Shape.Length];
        pass.Shape.CopyTo(shape);
        shape[0] = pieceSize;
        for (int i = 0; i < pass.Shape[0] / pieceSize; i++)
        {
            if (i == pieces.Count)
                pieces.Add(new());
            Range piece = Piece(i, pass.Shape, pass.Input.Length);
            base.ForwardCore(pass.CreatePart(shape, pass.Input[piece], pass.Output[piece], pieces[i]));
        }
        pass.Context.LayerData = pieces;
    }

    protected override void BackwardCore(in BackwardPass<T> pass)
    {
        if (pass.Context.LayerData is not List<ForwardContext<T>> pieces)
        {
            base.BackwardCore(pass);
            return;
        }
        for (int i = 0; i < pass.Shape[0] / pieceSize; i++)
        {
            Range piece = Piece(i, pass.Shape, pass.Input.Length);
            base.BackwardCore(pass.CreatePart(pass.Input[piece], pass.OutputGradient[piece], pass.InputGradient[piece], pieces[i]));
        }
    }

    private Range Piece(int index, ReadOnlySpan<int> shape, int elements)
    {
        int length = elements / shape[0] * pieceSize;
        return (index * length)..((index + 1) * length);
    }
}
