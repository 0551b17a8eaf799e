using Normalization;

namespace Samples;

internal static class Accumulation
{
    public static void Run()
    {
        var norm = new BatchNorm2d<float>(16);
        Part[] parts = [.. Enumerable.Range(1, 4).Select(static i => new Part(Tensor<float>.RandomNormal([8, 16, 4, 4], i)))];
        // begin-sample accumulation
        var batch = new MicroBatches<float>(norm);

        // Forward: first the statistics of all parts, then the outputs.
        foreach (Part part in parts)
            batch.Observe(part.Input);
        foreach (Part part in parts)
        {
            part.Context.MicroBatches = batch;
            norm.Forward(part.Input, part.Output, part.Context);
        }

        // Backward: first the sums of all parts, then the input gradients.
        foreach (Part part in parts)
            batch.ObserveGradient(part.OutputGradient, part.Context);
        foreach (Part part in parts)
            norm.Backward(part.OutputGradient, part.InputGradient, part.Context);
        // end-sample
        norm.BatchesTracked.Should().Be(1);
    }

    private sealed record Part(Tensor<float> Input)
    {
        public Tensor<float> Output { get; } = new(Input.Shape);

        public Tensor<float> OutputGradient { get; } = Input.Clone();

        public Tensor<float> InputGradient { get; } = new(Input.Shape);

        public ForwardContext<float> Context { get; } = new();
    }
}
