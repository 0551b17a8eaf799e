using System.Diagnostics;
using Normalization.Training.Data;
using Normalization.Training.Networks;

namespace Normalization.Training.Learning;

/// <summary>Trains a network on one set of digits and tests it on another every few steps.</summary>
internal sealed class Trainer(DigitSet train, DigitSet test)
{
    /// <summary>Trains to the last step or until the loss is no number any more;
    /// <paramref name="progress"/> is told the steps done.</summary>
    public TrainingRun Run(Network network, TrainingSettings settings, Action<int> progress, CancellationToken cancellation)
    {
        var batches = new Batches(train, network.InputShape, settings.BatchSize);
        var tests = new Batches(test, network.InputShape, settings.BatchSize);
        var gradient = new Tensor<float>(settings.BatchSize, DigitSet.ClassCount);
        var descent = new MomentumDescent(network.Weights, settings.LearningRate, settings.Momentum);
        var random = new Random(settings.Seed);
        var curve = new List<CurvePoint> { new(0, Accuracy(network, tests)) };
        var clock = new Stopwatch();
        bool diverged = false;

        network.Train();
        for (int step = 1; step <= settings.Steps && !diverged; step++)
        {
            cancellation.ThrowIfCancellationRequested();

            clock.Start();
            Batch batch = batches.NextRandom(random);
            Tensor<float> logits = network.Forward(batch.Images);
            double loss = SoftmaxCrossEntropy.Loss(logits, batch.Labels, gradient);
            network.Backward(gradient);
            descent.Step();
            clock.Stop();

            diverged = !double.IsFinite(loss);
            if (diverged || step % settings.StepsBetweenTests == 0 || step == settings.Steps)
                curve.Add(new CurvePoint(step, Accuracy(network, tests)));

            progress(step);
        }

        return new TrainingRun(curve, diverged, clock.Elapsed, network.NormalizationTime);
    }

    private static double Accuracy(Network network, Batches tests)
    {
        network.Eval();
        int right = 0;
        foreach (Batch batch in tests.InOrder())
            right += SoftmaxCrossEntropy.CountRight(network.Forward(batch.Images), batch.Labels);

        network.Train();
        return (double)right / tests.ExampleCount;
    }
}
