namespace Normalization.Training.Claims;

internal static class AllClaims
{
    public static IReadOnlyList<IClaim> List { get; } =
    [
        new SignalGrowth(),
        new LearningRates(),
        new Initialization(),
        new SaturatingActivations(),
        new Regularization(),
        new SmallBatches(),
        new BatchNoise(),
        new CovariateShift(),
        new TrainAndEval(),
        new Sequences(),
        new Style(),
    ];
}
