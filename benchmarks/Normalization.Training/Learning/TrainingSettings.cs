namespace Normalization.Training.Learning;

internal sealed record TrainingSettings
{
    public required double LearningRate { get; init; }
    public required int Steps { get; init; }
    public double Momentum { get; init; } = 0.9;
    public double WeightDecay { get; init; }
    public int BatchSize { get; init; } = 32;
    public int StepsBetweenTests { get; init; } = 10;

    /// <summary>Whether the batches of the first round come again in every later one, instead of new ones.</summary>
    public bool SameBatches { get; init; }

    public int Seed { get; init; } = 1;
}
