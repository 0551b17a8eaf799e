using System.Diagnostics;
using Normalization.Training.Data;
using Normalization.Training.Networks;

namespace Normalization.Training.Learning;

/// <summary>Trains a network on one set of images and tests it on another every few steps.</summary>
internal sealed class Trainer(ImageSet train, ImageSet test)
{
    /// <summary>Trains to the last step or until the loss is no number any more;
    /// <paramref name="progress"/> is told the steps done.</summary>
    public TrainingRun Run(Network network, TrainingSettings settings, Action<int> progress, CancellationToken cancellation)
    {
        var batches = new Batches(train, network.InputShape, settings.BatchSize);
        var tests = new Evaluation(test, network.InputShape);
        var gradient = new Tensor<float>(settings.BatchSize, ImageSet.ClassCount);
        var descent = new MomentumDescent(network.Parameters, settings.LearningRate, settings.Momentum, settings.WeightDecay);
        var random = new Random(settings.Seed);
        var curve = new List<CurvePoint> { new(0, tests.Accuracy(network)) };
        var clock = new Stopwatch();
        bool diverged = false;

        network.Train();
        for (int step = 1; step <= settings.Steps && !diverged; step++)
        {
            cancellation.ThrowIfCancellationRequested();

            clock.Start();
            Batch batch = batches.NextRandom(random, settings.SameBatches);
            Tensor<float> logits = network.Forward(batch.Images);
            double loss = SoftmaxCrossEntropy.Loss(logits, batch.Labels, gradient);
            network.Backward(gradient);
            descent.Step();
            clock.Stop();

            diverged = !double.IsFinite(loss);
            if (!diverged && (step % settings.StepsBetweenTests == 0 || step == settings.Steps))
                curve.Add(new CurvePoint(step, tests.Accuracy(network)));

            progress(step);
        }

        return new TrainingRun(curve, diverged, clock.Elapsed, network.NormalizationTime);
    }
}
