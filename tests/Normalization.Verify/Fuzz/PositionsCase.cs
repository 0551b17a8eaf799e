using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Fuzz;

/// <summary>
/// A layer with its channels first or last, told by lengths, a mask or weights which positions are valid, rightly and wrongly. The others
/// hold a NaN, which must reach no result.
/// </summary>
internal sealed class PositionsCase<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly FuzzRandom _random;
    private readonly int _n;
    private readonly int _c;
    private readonly int _s;
    private readonly int _groups;
    private readonly bool _isBatch;
    private readonly ChannelAxis _axis;
    private readonly NormalizationLayer<T> _layer;
    private readonly T[] _weights;

    private PositionsCase(FuzzRandom random)
    {
        _random = random;
        (_n, _s) = (1 + random.Below(5), 1 + random.Below(random.Chance(0.2) ? 60 : 9));
        _groups = 1 + random.Below(3);
        _c = _groups * (1 + random.Below(3));
        _axis = random.Of(ChannelAxis.First, ChannelAxis.Last);
        _isBatch = random.Chance(0.5);
        _layer = _isBatch
            ? new BatchNorm1d<T>(_c) { ChannelAxis = _axis }
            : new GroupNorm<T>(_groups, _c) { ChannelAxis = _axis };
        _weights = new T[_n * _s];
    }

    private static double Tolerance => typeof(T) == typeof(float) ? 2e-6 : 1e-11;

    public static void Run(FuzzRandom random) => new PositionsCase<T>(random).Run();

    private void Run()
    {
        ForwardOptions<T> options = Tell(out bool isRight);
        int[] shape = _axis == ChannelAxis.First ? [_n, _c, _s] : [_n, _s, _c];
        bool keeps = _random.Chance(0.3), isTraining = _random.Chance(0.7);
        Tensor<T> x = Tensor<T>.RandomNormal(shape, _random.Below(1000), 1, 2), dy = Tensor<T>.RandomNormal(shape, _random.Below(1000));
        Tensor<T> y = Tensor<T>.Full(shape, T.CreateChecked(7)), dx = Tensor<T>.Full(shape, T.CreateChecked(7));
        for (int i = 0; i < x.Length && isRight; i++)
        {
            if (WeightOf(i) == 0)
                x.Span[i] = dy.Span[i] = T.NaN;
        }
        var context = new ForwardContext<T>();
        _layer.Train(isTraining);
        options = options with { Context = context, KeepsInvalid = keeps };
        int valid = _weights.Count(static weight => weight > T.Zero);
        bool hasOneValue = _isBatch && isTraining && (valid == 1 || _n * _s == 1);
        Outcome expected = !isRight || hasOneValue ? Outcome.Argument : Outcome.Success;
        if (expected.Throws("Forward with valid positions", () => _layer.Forward(x, y, options)))
        {
            FuzzFailure.Require(y.Span.IndexOfAnyExcept(T.CreateChecked(7)) < 0, "Forward with valid positions, which threw, wrote elements");
            return;
        }
        _layer.Backward(dy, dx, context);
        (double[] output, double[] gradient) = Expected(Values.ToDoubles<T>(x.Span), Values.ToDoubles<T>(dy.Span), isTraining);
        double elsewhere = keeps ? 7 : 0;
        for (int i = 0; i < x.Length; i++)
        {
            bool isValid = WeightOf(i) > 0;
            Require("output", double.CreateChecked(y.Span[i]), isValid ? output[i] : elsewhere, 10);
            Require("input gradient", double.CreateChecked(dx.Span[i]), isValid ? gradient[i] : elsewhere, 400);
        }
        bool areFinite = Values.ToDoubles<T>(_layer.Weight!.Gradient.Span).Concat(Values.ToDoubles<T>(_layer.Bias!.Gradient.Span)).All(double.IsFinite);
        FuzzFailure.Require(areFinite, "valid positions: a parameter gradient that is not finite");
    }

    /// <summary>Options that say which positions are valid; now and then they cannot be right.</summary>
    private ForwardOptions<T> Tell(out bool isRight)
    {
        isRight = !_random.Chance(0.1);
        switch (_random.Below(3))
        {
            case 0:
                int[] lengths = new int[_n];
                for (int i = 0; i < _n; i++)
                {
                    lengths[i] = _random.Below(_s + 1);
                    _weights.AsSpan(i * _s, lengths[i]).Fill(T.One);
                }
                if (!isRight)
                    lengths[_random.Below(_n)] = _random.Of(-1, _s + 1);
                return new() { Lengths = lengths };
            case 1:
                bool[] mask = new bool[_weights.Length];
                for (int i = 0; i < mask.Length; i++)
                {
                    mask[i] = _random.Chance(0.6);
                    _weights[i] = mask[i] ? T.One : T.Zero;
                }
                return new() { Mask = isRight ? mask : [.. mask, true] };
            default:
                for (int i = 0; i < _weights.Length; i++)
                    _weights[i] = T.CreateChecked(_random.Chance(0.3) ? 0 : 0.25 + (_random.Below(32) / 8.0));
                T[] given = [.. _weights];
                if (!isRight)
                    given[_random.Below(given.Length)] = _random.Of(T.NaN, T.NegativeOne, T.PositiveInfinity);
                return new() { Weights = new Tensor<T>(given, _n, _s) };
        }
    }

    /// <summary>What the definition gives, in double, with γ = 1 and β = 0.</summary>
    private (double[] Output, double[] InputGradient) Expected(double[] x, double[] dy, bool isTraining)
    {
        double[] y = new double[x.Length], dx = new double[x.Length];
        bool isFixed = _isBatch && !isTraining;
        foreach (IGrouping<int, int> group in Enumerable.Range(0, x.Length).Where(i => WeightOf(i) > 0).GroupBy(GroupOf))
        {
            int[] own = [.. group];
            double total = own.Sum(WeightOf), mean = isFixed ? 0 : own.Sum(i => WeightOf(i) * x[i]) / total;
            double variance = isFixed ? 1 : own.Sum(i => WeightOf(i) * Math.Pow(x[i] - mean, 2)) / total;
            double r = 1 / Math.Sqrt(variance + _layer.Epsilon), sum = own.Sum(i => dy[i]), product = own.Sum(i => dy[i] * (x[i] - mean) * r);
            foreach (int i in own)
            {
                y[i] = (x[i] - mean) * r;
                dx[i] = r * (dy[i] - (isFixed ? 0 : WeightOf(i) / total * (sum + (y[i] * product))));
            }
        }
        return (y, dx);
    }

    private int SampleOf(int i) => i / (_c * _s);

    private int ChannelOf(int i) => _axis == ChannelAxis.First ? i / _s % _c : i % _c;

    private int GroupOf(int i) => _isBatch ? ChannelOf(i) : (SampleOf(i) * _groups) + (ChannelOf(i) / (_c / _groups));

    private double WeightOf(int i)
    {
        int position = _axis == ChannelAxis.First ? i % _s : i / _c % _s;
        return double.CreateChecked(_weights[(SampleOf(i) * _s) + position]);
    }

    // A group of one value has an inverse deviation of 1 / √ε, which is the scale of its gradient.
    private static void Require(string what, double actual, double expected, double scale) =>
        FuzzFailure.Require(Math.Abs(actual - expected) <= Tolerance * (scale + Math.Abs(expected)), $"valid positions: a wrong {what}");
}
