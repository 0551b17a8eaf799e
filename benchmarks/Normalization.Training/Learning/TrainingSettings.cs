namespace Normalization.Training.Learning;

internal sealed record TrainingSettings
{
    public required double LearningRate { get; init; }
    public required int Steps { get; init; }
    public double Momentum { get; init; } = 0.9;
    public int BatchSize { get; init; } = 32;
    public int StepsBetweenTests { get; init; } = 10;
    public int Seed { get; init; } = 1;
}
