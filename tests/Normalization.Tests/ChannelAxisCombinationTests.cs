namespace Normalization.Tests;

/// <summary>Channels last together with what came beside them: valid positions and second order, held against the transposed call.</summary>
public sealed class ChannelAxisCombinationTests
{
    private const int N = 4, C = 6, S = 9;

    public static TheoryData<string, Telling, bool> Passes
    {
        get
        {
            var data = new TheoryData<string, Telling, bool>();
            foreach (string layer in (string[])["batch", "instance", "group"])
            {
                foreach (Telling telling in Enum.GetValues<Telling>())
                {
                    data.Add(layer, telling, false);
                    data.Add(layer, telling, true);
                }
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Passes))]
    public void Valid_positions_count_wherever_the_channels_are(string kind, Telling telling, bool hasTerms)
    {
        foreach (bool isTraining in (bool[])[true, false])
        {
            foreach (bool keeps in (bool[])[false, true])
            {
                double[][] first = Run(kind, telling, hasTerms, isTraining, keeps, ChannelAxis.First);
                double[][] last = Run(kind, telling, hasTerms, isTraining, keeps, ChannelAxis.Last);
                for (int i = 0; i < first.Length; i++)
                    Values.Distance(last[i], first[i], floor: 1e-3).Should().BeLessThan(1e-12, "result {0}, training {1}", i, isTraining);
            }
        }
    }

    [Theory]
    [InlineData("batch")]
    [InlineData("instance")]
    [InlineData("group")]
    public void Second_order_gives_what_the_transposed_call_gives(string kind)
    {
        double[][] first = RunSecondOrder(kind, ChannelAxis.First), last = RunSecondOrder(kind, ChannelAxis.Last);
        for (int i = 0; i < first.Length; i++)
            Values.Distance(last[i], first[i], floor: 1e-3).Should().BeLessThan(1e-11, "result {0}", i);
    }

    private static double[][] Run(string kind, Telling telling, bool hasTerms, bool isTraining, bool keeps, ChannelAxis axis)
    {
        NormalizationLayer<double> layer = Layer(kind, axis, hasTerms ? Activation.Silu : Activation.None);
        Tensor<double> x = Normal(1), dy = Normal(2), skip = Normal(3), residual = Normal(4), sumGradient = Normal(5), weights = new(N, S);
        for (int i = 0; i < weights.Length; i++)
        {
            int length = new[] { S, 3, 0, 6 }[i / S];
            weights.Span[i] = telling == Telling.Lengths ? (i % S < length ? 1 : 0) : i * 7 % 3 == 0 ? 0 : telling == Telling.Mask ? 1 : 0.5 + (i % 4);
        }
        for (int i = 0; i < x.Length; i++)
        {
            if (weights.Span[(i / (C * S) * S) + (i % S)] == 0)
                (x.Span[i], dy.Span[i], skip.Span[i]) = (double.NaN, double.PositiveInfinity, double.NaN);
        }
        Tensor<double> scale = Tensor<double>.RandomNormal([N, C], seed: 8), scaleGradient = new(N, C);
        Tensor<double> input = Place(x, axis), y = Tensor<double>.Full(input.Shape, 7), dx = Tensor<double>.Full(input.Shape, 7);
        Tensor<double> sum = new(input.Shape), skipGradient = new(input.Shape);
        var context = new ForwardContext<double>();
        layer.Train(isTraining);
        var options = new ForwardOptions<double>
        {
            Context = context,
            KeepsInvalid = keeps,
            Lengths = telling == Telling.Lengths ? new[] { S, 3, 0, 6 } : default,
            Mask = telling == Telling.Mask ? Array.ConvertAll(weights.Span.ToArray(), static weight => weight > 0) : default,
            Weights = telling == Telling.Weights ? weights : null,
        };
        layer.Forward(input, y, !hasTerms ? options : options with
        {
            Skip = Place(skip, axis),
            Scale = scale,
            Residual = Place(residual, axis),
            Sum = sum,
        });
        var back = new BackwardOptions<double> { Context = context };
        layer.Backward(Place(dy, axis), dx, !hasTerms ? back : back with
        {
            SkipGradient = skipGradient,
            ScaleGradient = scaleGradient,
            SumGradient = Place(sumGradient, axis),
        });
        var running = layer as RunningStatisticsLayer<double>;
        return
        [
            Back(y, axis), Back(dx, axis), Back(skipGradient, axis), Values.Doubles(scaleGradient), Values.Doubles(layer.Weight!.Gradient),
            Values.Doubles(layer.Bias!.Gradient), Values.Doubles(running?.RunningMean), Values.Doubles(running?.RunningVariance),
        ];
    }

    private static double[][] RunSecondOrder(string kind, ChannelAxis axis)
    {
        NormalizationLayer<double> layer = Layer(kind, axis, Activation.None);
        Tensor<double> x = Place(Normal(1), axis), dy = Place(Normal(2), axis), v = Place(Normal(3), axis), y = new(x.Shape);
        Tensor<double> tangent = new(x.Shape), outputGradient = new(x.Shape), inputGradient = new(x.Shape);
        Tensor<double> u = Tensor<double>.RandomNormal([C], seed: 6), w = Tensor<double>.RandomNormal([C], seed: 7);
        var context = new ForwardContext<double>();
        layer.Forward(x, y, context);
        layer.ForwardTangent(tangent, new TangentOptions<double> { Context = context, InputTangent = v, WeightTangent = u, BiasTangent = w });
        layer.DoubleBackward(dy, new DoubleBackwardOptions<double>
        {
            Context = context,
            InputGradientGradient = v,
            WeightGradientGradient = u,
            BiasGradientGradient = w,
            OutputGradientGradient = outputGradient,
            InputGradient = inputGradient,
        });
        return [Back(tangent, axis), Back(outputGradient, axis), Back(inputGradient, axis), Values.Doubles(layer.Weight!.Gradient)];
    }

    private static NormalizationLayer<double> Layer(string kind, ChannelAxis axis, Activation activation)
    {
        NormalizationLayer<double> layer = kind switch
        {
            "batch" => new BatchNorm1d<double>(C) { ChannelAxis = axis, Activation = activation },
            "instance" => new InstanceNorm1d<double>(C, affine: true, trackRunningStatistics: true) { ChannelAxis = axis, Activation = activation },
            _ => new GroupNorm<double>(2, C) { ChannelAxis = axis, Activation = activation },
        };
        Tensor<double>.RandomNormal([C], seed: 21, mean: 1).CopyTo(layer.Weight!.Value);
        Tensor<double>.RandomNormal([C], seed: 22).CopyTo(layer.Bias!.Value);
        return layer;
    }

    private static Tensor<double> Normal(int seed) => Tensor<double>.RandomNormal([N, C, S], seed, mean: 1);

    private static Tensor<double> Place(Tensor<double> tensor, ChannelAxis axis) =>
        axis == ChannelAxis.First ? tensor : AxisSample<double>.Transpose(tensor, 1, toLast: true);

    private static double[] Back(Tensor<double> tensor, ChannelAxis axis) =>
        Values.Doubles(axis == ChannelAxis.First ? tensor : AxisSample<double>.Transpose(tensor, 1, toLast: false));
}
