using Normalization.Training.Data;
using Normalization.Training.Learning;
using Normalization.Training.Networks;

namespace Normalization.Training.Claims.Method;

/// <summary>Where the claims do their experiments: the images, the seeds, and the processors to spread the work over.</summary>
/// <remarks>A result depends on its setting and its seed alone, so neither the number of threads nor their order changes it.</remarks>
internal sealed class Laboratory(
    ClaimData data, int seeds, bool quick, Action<int> announce, Action finished, CancellationToken cancellation)
{
    private const int QuickShare = 15;
    private const int FewestSteps = 20;

    // Enough for the accuracy on images that were learned from, which large sets would spend much time on.
    private const int MostTrainImages = 1000;

    public ClaimData Data => data;

    public int SeedCount => seeds;

    public bool IsQuick => quick;

    /// <summary>The seed of the first run of each setting.</summary>
    public int FirstSeed { get; init; } = 1;

    /// <summary>Training steps: so many in a full run, a few in a quick one.</summary>
    public int Steps(int full) => quick ? Math.Min(full, Math.Max(FewestSteps, full / QuickShare)) : full;

    /// <summary>Runs every setting with every seed, on all processors. The results of a setting stand in the order of the seeds.</summary>
    public IReadOnlyDictionary<TSetting, TResult[]> ForEach<TSetting, TResult>(
        IEnumerable<TSetting> settings, Func<TSetting, int, TResult> run)
        where TSetting : notnull
    {
        TSetting[] all = [.. settings];
        var results = new TResult[all.Length * seeds];
        var options = new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount };
        announce(results.Length);
        Parallel.For(0, results.Length, options, i =>
        {
            results[i] = run(all[i / seeds], FirstSeed + i % seeds);
            finished();
        });
        return all.Select((setting, i) => (setting, i)).ToDictionary(s => s.setting, s => results[(s.i * seeds)..((s.i + 1) * seeds)]);
    }

    /// <summary>Trains a network and watches its accuracy on some images; <paramref name="step"/> is told the steps done.</summary>
    public TrainingRun Train(
        Network network, TrainingSettings settings, ImageSet watched, ImageSet? train = null, Action<int>? step = null) =>
        new Trainer(train ?? data.Train, watched).Run(network, settings, step ?? (_ => { }), cancellation);

    /// <summary>Trains a network and measures it once at the end: on the images that it saw, on those to choose settings by
    /// and on those to report.</summary>
    public Score Score(Network network, TrainingSettings settings, ImageSet? train = null)
    {
        TrainingRun run = Train(network, settings with { StepsBetweenTests = settings.Steps }, data.Validation, train);
        return run.Diverged
            ? new Score(0, 0, 0) { Diverged = true }
            : new Score(Evaluation.Accuracy(network, (train ?? data.Train).Some(MostTrainImages)), run.Accuracy,
                Evaluation.Accuracy(network, data.Test));
    }
}

/// <summary>The shares of images that a trained network recognizes.</summary>
internal sealed record Score(double Train, double Validation, double Test) : IRun
{
    /// <summary>Whether the loss was no number any more; such a network recognizes nothing.</summary>
    public bool Diverged { get; init; }
}
