namespace Normalization.Training.Networks;

/// <summary>BatchNorm of [N, C] whose statistics in training are those of pieces of the batch ("ghost batches"): each piece passes through
/// the layer with a context of its own. The size of the pieces changes the noise of the statistics and nothing else.</summary>
internal sealed class GhostBatchNorm(int features, int size)
    : BatchNorm<float>(features, epsilon: 1e-5, momentum: 0.1, affine: true, trackRunningStatistics: true)
{
    protected override void ForwardCore(in ForwardPass<float> pass)
    {
        if (!pass.IsTraining)
        {
            base.ForwardCore(pass);
            return;
        }

        var pieces = pass.Context!.LayerData as List<ForwardContext<float>> ?? [];
        for (int i = 0; i * size < pass.Shape[0]; i++)
        {
            if (i == pieces.Count)
                pieces.Add(new());

            Range piece = Piece(pass.Shape[0], i);
            ReadOnlySpan<float> input = pass.Input[piece];
            base.ForwardCore(pass.CreatePart([input.Length / NumFeatures, NumFeatures], input, pass.Output[piece], pieces[i]));
        }

        pass.Context.LayerData = pieces;
    }

    protected override void BackwardCore(in BackwardPass<float> pass)
    {
        var pieces = (List<ForwardContext<float>>)pass.Context.LayerData!;
        for (int i = 0; i * size < pass.Shape[0]; i++)
        {
            Range piece = Piece(pass.Shape[0], i);
            base.BackwardCore(pass.CreatePart(pass.Input[piece], pass.OutputGradient[piece], pass.InputGradient[piece], pieces[i]));
        }
    }

    /// <summary>So many images of the batch as the size says; the last piece has what is left.</summary>
    private Range Piece(int images, int index) => (index * size * NumFeatures)..(Math.Min((index + 1) * size, images) * NumFeatures);
}
