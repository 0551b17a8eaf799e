namespace Normalization.Tests;

/// <summary>Every argument that a primitive refuses; nothing is written before all of them are checked.</summary>
public sealed class PrimitiveErrorTests
{
    private const int N = 3, C = 4, S = 2, Length = N * C * S;

    /// <summary>One argument wrong at a time; every field is an argument of some primitive.</summary>
    private sealed class Arguments
    {
        public Memory<double> X = Filled(Length);
        public Memory<double> Dy = Filled(Length);
        public Memory<double> Y = Filled(Length);
        public Memory<double> Weight = Filled(C);
        public Memory<double> Bias = Filled(C);
        public Memory<double> RunningMean = Filled(C);
        public Memory<double> RunningVariance = Filled(C);
        public Memory<double> Mean = Filled(C);
        public Memory<double> Reciprocal = Filled(C);
        public Memory<double> WeightGradient = Filled(C);
        public Memory<double> BiasGradient = Filled(C);
        public int Batch = N, Channels = C, Positions = S;
        public double Epsilon = 1e-5, Momentum = 0.1;

        public Memory<double>[] All =>
            [X, Dy, Y, Weight, Bias, RunningMean, RunningVariance, Mean, Reciprocal, WeightGradient, BiasGradient];

        public void Forward() => NormalizationPrimitives.BatchNormForward<double>(
            X.Span, Batch, Channels, Positions, Weight.Span, Bias.Span, Epsilon, Y.Span, Mean.Span, Reciprocal.Span, RunningMean.Span,
            RunningVariance.Span, Momentum);

        public void Inference() => NormalizationPrimitives.BatchNormInference<double>(
            X.Span, Batch, Channels, Positions, Weight.Span, Bias.Span, Epsilon, Y.Span, RunningMean.Span, RunningVariance.Span);

        public void Gradient() => NormalizationPrimitives.BatchNormGradient<double>(
            X.Span, Dy.Span, Batch, Channels, Positions, Weight.Span, Y.Span, WeightGradient.Span, BiasGradient.Span, Mean.Span,
            Reciprocal.Span);

        public void Moments() => NormalizationPrimitives.BatchNormMoments<double>(X.Span, Batch, Channels, Positions, Mean.Span, Reciprocal.Span);

        private static double[] Filled(int length) => [.. Enumerable.Range(1, length).Select(static i => (double)i)];
    }

    private static readonly (Action<Arguments> Spoil, string Forward, string Inference, string Gradient, string Moments)[] _wrong =
    [
        (static a => a.X = a.X[1..], "x must have n · c · s = 24 elements, got 23*", "x must have*", "x must have*", "x must have*"),
        (static a => a.Dy = a.Dy[1..], "", "", "dy must *24 elements, got 23*", ""),
        (static a => a.Y = a.Y[1..], "y must *24 elements, got 23*", "y must *24*", "dx must *24 elements, got 23*", ""),
        (static a => a.Weight = a.Weight[1..], "weight must have no elements or * = 4 elements, got 3*", "weight must*", "weight must*", ""),
        (static a => a.Bias = new double[5], "bias must have no elements or * = 4 elements, got 5*", "bias must*", "", ""),
        (static a => a.RunningMean = a.RunningMean[1..], "runningMean must have no elements or c = 4 elements, got 3*", "mean must have c = 4*", "", ""),
        (static a => a.RunningVariance = default, "runningVariance must have *4 elements, got 0*", "variance must have c = 4*got 0*", "", ""),
        (static a => a.RunningMean = default, "runningVariance must have *0 elements, got 4*", "mean must have c = 4*got 0*", "", ""),
        (static a => a.Mean = a.Mean[1..], "mean must have *4 elements, got 3*", "", "mean must have *got 3*", "mean must have *got 3*"),
        (static a => a.Reciprocal = a.Reciprocal[1..], "inverseStandardDeviation must have *got 3*", "", "inverseStandardDeviation must have *got 3*", "variance must have *got 3*"),
        (static a => a.WeightGradient = a.WeightGradient[1..], "", "", "weightGradient must have no elements or *got 3*", ""),
        (static a => a.BiasGradient = a.BiasGradient[1..], "", "", "biasGradient must have no elements or *got 3*", ""),
        (static a => a.Batch = -1, "n must not be negative, got -1*", "n must*", "n must*", "n must*"),
        (static a => a.Channels = -4, "c must not be negative, got -4*", "c must*", "c must*", "c must*"),
        (static a => a.Positions = -2, "s must not be negative, got -2*", "s must*", "s must*", "s must*"),
        (static a => (a.Batch, a.Channels, a.Positions) = (1 << 20, 1 << 20, 1 << 20), "x must have*= 1152921504606846976*", "x must*", "x must*", "x must*"),
        (static a => a.Epsilon = -1, "epsilon must be finite and not negative, got -1*", "epsilon must*", "", ""),
        (static a => a.Epsilon = double.NaN, "epsilon must be finite*", "epsilon must*", "", ""),
        (static a => a.Momentum = 2, "momentum must lie in [0, 1], got 2*", "", "", ""),
    ];

    public static TheoryData<int> Wrong => [.. Enumerable.Range(0, _wrong.Length)];

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_wrong_argument_is_refused_before_anything_is_written(int index)
    {
        (Action<Arguments> spoil, string forward, string inference, string gradient, string moments) = _wrong[index];
        Check(spoil, static arguments => arguments.Forward(), forward);
        Check(spoil, static arguments => arguments.Inference(), inference);
        Check(spoil, static arguments => arguments.Gradient(), gradient);
        Check(spoil, static arguments => arguments.Moments(), moments);
    }

    [Fact]
    public void What_is_written_overlaps_no_other_argument()
    {
        Action<Arguments>[] forward =
        [
            static a => a.Weight = a.Y[..C], static a => a.Bias = a.Y[..C], static a => a.RunningMean = a.Y[..C],
            static a => a.RunningVariance = a.X[..C],
            static a => a.RunningMean = a.RunningVariance, static a => a.RunningMean = a.Weight, static a => a.Mean = a.Y[..C],
            static a => a.Mean = a.X[3..(3 + C)],
            static a => a.Reciprocal = a.Mean, static a => a.Reciprocal = a.Y[^C..], static a => a.Mean = a.Weight,
            static a => a.Reciprocal = a.Bias,
            static a => a.Mean = a.RunningMean, static a => a.Reciprocal = a.RunningVariance,
            static a => Shift(a, static (a, x, y) => (a.X, a.Y) = (x, y)),
        ];
        foreach (Action<Arguments> spoil in forward)
            Check(spoil, static arguments => arguments.Forward(), "*overlap*");
        Action<Arguments>[] inference =
        [
            static a => a.Weight = a.Y[..C], static a => a.Bias = a.Y[1..(1 + C)], static a => a.RunningMean = a.Y[..C],
            static a => a.RunningVariance = a.Y[..C],
            static a => Shift(a, static (a, x, y) => (a.X, a.Y) = (x, y)),
        ];
        foreach (Action<Arguments> spoil in inference)
            Check(spoil, static arguments => arguments.Inference(), "*overlap*");
        Action<Arguments>[] gradient =
        [
            static a => a.Y = a.X, static a => a.Weight = a.Y[..C], static a => a.Mean = a.Y[..C], static a => a.Reciprocal = a.Y[..C],
            static a => a.WeightGradient = a.Y[..C],
            static a => a.BiasGradient = a.X[..C], static a => a.BiasGradient = a.WeightGradient, static a => a.WeightGradient = a.Weight,
            static a => a.BiasGradient = a.Dy[..C],
            static a => a.WeightGradient = a.Mean, static a => a.BiasGradient = a.Reciprocal,
            static a => Shift(a, static (a, dy, dx) => (a.Dy, a.Y) = (dy, dx)),
        ];
        foreach (Action<Arguments> spoil in gradient)
            Check(spoil, static arguments => arguments.Gradient(), "*overlap*");
        Check(static a => a.Mean = a.X[..C], static arguments => arguments.Moments(), "*overlap*");
        Check(static a => a.Reciprocal = a.X[..C], static arguments => arguments.Moments(), "*overlap*");
        Check(static a => a.Reciprocal = a.Mean, static arguments => arguments.Moments(), "*overlap*");
    }

    [Fact]
    public void One_value_per_channel_in_training_is_refused() =>
        Check(
            static a => (a.X, a.Y, a.Batch, a.Positions) = (a.X[..C], a.Y[..C], 1, 1),
            static arguments => arguments.Forward(),
            "*more than one value per channel*");

    [Fact]
    public void Channels_that_the_groups_do_not_divide_are_refused()
    {
        double[] x = new double[12];
        FluentActions.Invoking(() => NormalizationPrimitives.GroupNormForward<double>(x, 2, 6, 1, 4, default, default, 0, x, default, default))
            .Should().Throw<ArgumentException>().WithMessage("*divisible*6 channels and 4 groups*");
        FluentActions.Invoking(() => NormalizationPrimitives.GroupNormMoments<double>(x, 2, 6, 1, 0, new double[2], new double[2]))
            .Should().Throw<ArgumentOutOfRangeException>().WithMessage("groups must be positive, got 0*");
        FluentActions.Invoking(() => NormalizationPrimitives.RmsNormForward<double>(x, -2, 6, default, 0, x, default))
            .Should().Throw<ArgumentOutOfRangeException>().WithMessage("rows must not be negative, got -2*");
        FluentActions.Invoking(() => NormalizationPrimitives.RmsNormGradient<double>(x, x, 2, 5, default, new double[12], default, new double[2]))
            .Should().Throw<ArgumentException>().WithMessage("x must have rows · width = 10 elements, got 12*");
        FluentActions.Invoking(() => NormalizationPrimitives.LayerNormForward<double>(x, 2, 6, default, new double[2], 0, x, default, default))
            .Should().Throw<ArgumentException>().WithMessage("bias must have * = 6 elements, got 2*");
    }

    private static void Shift(Arguments arguments, Action<Arguments, Memory<double>, Memory<double>> assign)
    {
        double[] shared = new double[Length + 1];
        assign(arguments, shared.AsMemory(0, Length), shared.AsMemory(1, Length));
    }

    private static void Check(Action<Arguments> spoil, Action<Arguments> call, string message)
    {
        var arguments = new Arguments();
        spoil(arguments);
        double[][] before = Array.ConvertAll(arguments.All, static memory => memory.ToArray());
        Action act = () => call(arguments);
        if (message.Length == 0)
        {
            act.Should().NotThrow("the call does not take the argument");
            return;
        }
        act.Should().Throw<ArgumentException>().WithMessage(message);
        for (int i = 0; i < before.Length; i++)
            arguments.All[i].ToArray().Should().Equal(before[i]);
    }
}
