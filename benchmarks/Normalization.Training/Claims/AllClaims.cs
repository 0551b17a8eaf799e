namespace Normalization.Training.Claims;

internal static class AllClaims
{
    public static IReadOnlyList<IClaim> List { get; } =
    [
        new SignalGrowth(),
        new GradientDepth(),
        new LearningRates(),
        new Initialization(),
        new SaturatingActivations(),
        new Saturation(),
        new Placement(),
        new GammaBeta(),
        new LocalResponse(),
        new Regularization(),
        new Augmentation(),
        new SmallBatches(),
        new BatchNoise(),
        new VirtualBatches(),
        new CovariateShift(),
        new EqualMoments(),
        new Whitening(),
        new TrainAndEval(),
        new Sequences(),
        new Transformers(),
        new Style(),
    ];

    public static IClaim Of(ClaimResult result) => List.First(claim => claim.Name == result.Name);
}
