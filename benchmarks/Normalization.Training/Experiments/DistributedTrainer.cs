using System.Diagnostics;
using System.Numerics.Tensors;
using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;

namespace Normalization.Training.Experiments;

/// <summary>Trains replicas of a network, one on each rank. All of them see the same batches and take their own part of each.</summary>
internal sealed class DistributedTrainer(ImageSet train, ImageSet test)
{
    /// <summary>What one rank does. Only the first one tests, and it alone trains where one process has the whole batch.</summary>
    public DistributedResult Run(DistributedExperiment experiment, ICollective ranks, Action<int> progress, CancellationToken cancellation)
    {
        bool isAlone = experiment.Parallelism == Parallelism.OneProcess;
        if (isAlone && ranks.Rank > 0)
            return new DistributedResult(experiment, [], [], TimeSpan.Zero);

        using InMemoryCollective single = InMemoryCollective.Create(1)[0];
        return Train(experiment, isAlone ? single : ranks, progress, cancellation);
    }

    private DistributedResult Train(DistributedExperiment experiment, ICollective ranks, Action<int> progress,
        CancellationToken cancellation)
    {
        TrainingSettings settings = experiment.Settings;
        Network network = experiment.Create(NormalizationKind.BatchNorm, experiment.Side, settings.Seed);
        if (experiment.Parallelism == Parallelism.Synchronized)
        {
            foreach (BatchNorm<float> layer in network.NormalizationLayers.OfType<BatchNorm<float>>())
                layer.Synchronize(ranks);
        }

        var batches = new Batches(train, network.InputShape, settings.BatchSize);
        var tests = new Evaluation(test, network.InputShape);
        int count = settings.BatchSize / ranks.Size, first = ranks.Rank * count, imageLength = train.PixelCount;
        var images = new Tensor<float>([count, .. network.InputShape]);
        var gradient = new Tensor<float>(count, ImageSet.ClassCount);
        var descent = new MomentumDescent(network.Parameters, settings.LearningRate, settings.Momentum, settings.WeightDecay);
        var random = new Random(settings.Seed);
        double[] sum = new double[1];
        var losses = new List<double>();
        var curve = new List<CurvePoint>();
        var clock = new Stopwatch();

        network.Train();
        for (int step = 1; step <= settings.Steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();

            clock.Start();
            Batch batch = batches.NextRandom(random);
            batch.Images.Span.Slice(first * imageLength, count * imageLength).CopyTo(images.Span);
            double loss = SoftmaxCrossEntropy.Loss(network.Forward(images), batch.Labels.AsSpan(first, count), gradient);

            // The loss is the mean over the whole batch, of which this is a part.
            double share = (double)count / settings.BatchSize;
            TensorPrimitives.Multiply(gradient.Span, (float)share, gradient.Span);
            network.Backward(gradient);
            ranks.AllReduceGradients(network.Parameters);
            sum[0] = loss * share;
            ranks.AllReduce(sum);
            losses.Add(sum[0]);
            descent.Step();
            clock.Stop();

            if (ranks.Rank == 0 && (step % settings.StepsBetweenTests == 0 || step == settings.Steps))
                curve.Add(new CurvePoint(step, tests.Accuracy(network)));

            progress(step);
        }

        return new DistributedResult(experiment, losses, curve, clock.Elapsed);
    }
}
