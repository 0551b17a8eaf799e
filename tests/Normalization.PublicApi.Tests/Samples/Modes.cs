using Normalization;

namespace Samples;

internal static class Modes
{
    public static void Run()
    {
        // begin-sample modes
        var norm = new BatchNorm2d<float>(16);
        var batch = Tensor<float>.RandomNormal([8, 16, 14, 14], seed: 1, mean: 2);
        var output = new Tensor<float>(8, 16, 14, 14);

        // Training, the initial mode: the statistics of the batch. The running statistics move toward them.
        norm.Forward(batch, output);
        Console.WriteLine($"{norm.BatchesTracked} batch, running mean of channel 0: {norm.RunningMean![0]:F1}");

        // Evaluation: the running statistics. The layer remembers nothing, so the output may be the input.
        norm.Eval();
        norm.Forward(batch, batch);
        // end-sample
        norm.RunningMean[0].Should().BeApproximately(0.2f, 0.02f);
    }
}
