using Normalization;

namespace Samples;

internal static class Synchronized
{
    public static void Run()
    {
        // begin-sample synchronized
        // Four threads as ranks; under mpirun a process says: ICollective ranks = MpiCollective.Initialize();
        InMemoryCollective.Run(4, static ranks =>
        {
            var norm = new BatchNorm2d<float>(16);
            norm.Synchronize(ranks);

            // Each rank has 2 of the 8 images of a batch and gets what one process with all 8 would get.
            var images = Tensor<float>.RandomNormal([2, 16, 14, 14], seed: ranks.Rank);
            Tensor<float> output = norm.Forward(images);
            norm.Backward(output);

            // The gradients of parameters are those of the rank's own images: add them over the ranks before the step.
            ranks.AllReduceGradients(norm.Parameters);
        });
        // end-sample
    }
}
