using System.Numerics;

namespace Normalization.Tests;

/// <summary>How a pass is told which positions are valid.</summary>
public enum Telling
{
    Lengths,
    Mask,
    Weights,
}

/// <summary>A layer in whose passes only some positions count, and the same computed from the definition in double.</summary>
internal sealed class MaskedSample<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly Telling _telling;

    public MaskedSample(Case item, Telling telling, int seed = 1, double mean = 0.5, double deviation = 2, bool garbage = true)
    {
        Sample = new(item, mean, deviation, seed);
        _telling = telling;
        var random = new Random(seed);
        Lengths = new int[item.N];
        Weights = new(item.N, item.S);
        for (int n = 0; n < item.N; n++)
        {
            // The second sample has no valid position, where there are others.
            Lengths[n] = n == 1 && item.N > 2 ? 0 : random.Next(Math.Min(2, item.S), item.S + 1);
            for (int s = 0; s < item.S; s++)
            {
                double weight = telling switch
                {
                    Telling.Lengths => s < Lengths[n] ? 1 : 0,
                    Telling.Mask => random.Next(3) > 0 ? 1 : 0,
                    _ => random.Next(4) > 0 ? 0.25 + (random.Next(256) / 64.0) : 0,
                };
                Weights.Span[(n * item.S) + s] = T.CreateChecked(n == 1 && item.N > 2 ? 0 : s < 2 && n == 0 ? Math.Max(weight, 1) : weight);
            }
        }
        for (int i = 0; i < item.Length && garbage; i++)
        {
            if (IsValid(i))
                continue;
            Sample.Input.Span[i] = T.NaN;
            Sample.OutputGradient.Span[i] = (i & 1) == 0 ? T.PositiveInfinity : T.NaN;
        }
    }

    public Sample<T> Sample { get; }

    public int[] Lengths { get; }

    public Tensor<T> Weights { get; }

    public ForwardOptions<T> Options => Tell(new() { Context = Sample.Context });

    public ForwardOptions<T> Tell(ForwardOptions<T> options) => _telling switch
    {
        Telling.Lengths => options with { Lengths = Lengths },
        Telling.Mask => options with { Mask = Array.ConvertAll(Weights.Span.ToArray(), static weight => weight > T.Zero) },
        _ => options with { Weights = Weights },
    };

    public MaskedSample<T> Run(bool isTraining = true)
    {
        Sample.Layer.Train(isTraining);
        Sample.Layer.Forward(Sample.Input, Sample.Output, Options);
        Sample.Layer.Backward(Sample.OutputGradient, Sample.InputGradient, Sample.Context);
        return this;
    }

    public double WeightOf(int element)
    {
        Case item = Sample.Case;
        return double.CreateChecked(Weights.Span[(element / (item.C * item.S) * item.S) + (element % item.S)]);
    }

    public bool IsValid(int element) => WeightOf(element) > 0;

    /// <summary>y, dx, dγ, dβ, and the running statistics after the pass.</summary>
    public (double[] Output, double[] InputGradient, double[] Weight, double[] Bias, double[] Mean, double[] Variance) Expected(bool isTraining)
    {
        Case item = Sample.Case;
        Sample.Layer.Train(isTraining);
        bool isFixed = Sample.HasFixedStatistics;
        int groups = item.GroupCount(isFixed);
        double[] x = Values.Doubles(Sample.Input), dy = Values.Doubles(Sample.OutputGradient), total = new double[groups], squares = new double[groups];
        double[] mean = new double[groups], variance = new double[groups], sum = new double[groups], product = new double[groups];
        double[] gamma = Values.Doubles(Sample.Layer.Weight?.Value), beta = Values.Doubles(Sample.Layer.Bias?.Value);
        double[] runningMean = Values.Doubles(Sample.Running?.RunningMean), runningVariance = Values.Doubles(Sample.Running?.RunningVariance);
        ForEach(i => (total[G(i)], squares[G(i)]) = (total[G(i)] + WeightOf(i), squares[G(i)] + (WeightOf(i) * WeightOf(i))));
        ForEach(i => mean[G(i)] += WeightOf(i) * x[i] / total[G(i)]);
        ForEach(i => variance[G(i)] += WeightOf(i) * (x[i] - mean[G(i)]) * (x[i] - mean[G(i)]) / total[G(i)]);
        if (isFixed)
            (mean, variance) = (runningMean, runningVariance);
        double[] y = new double[x.Length], dx = new double[x.Length], weight = new double[item.C], bias = new double[item.C];
        ForEach(i =>
        {
            y[i] = (Normalized(i) * Gamma(i)) + (beta.Length == 0 ? 0 : beta[item.CoefficientOf(i)]);
            weight[item.CoefficientOf(i)] += dy[i] * Normalized(i);
            bias[item.CoefficientOf(i)] += dy[i];
            sum[G(i)] += Gamma(i) * dy[i];
            product[G(i)] += Gamma(i) * dy[i] * Normalized(i);
        });
        ForEach(i => dx[i] = R(i) * ((Gamma(i) * dy[i]) - (isFixed ? 0 : WeightOf(i) / total[G(i)] * (sum[G(i)] + (Normalized(i) * product[G(i)])))));
        if (runningMean.Length > 0 && !isFixed)
            Follow();
        return (y, dx, weight, bias, runningMean, runningVariance);

        int G(int i) => item.GroupOf(i, isFixed);

        double R(int i) => 1 / Math.Sqrt(variance[G(i)] + item.Epsilon);

        double Normalized(int i) => (x[i] - mean[G(i)]) * R(i);

        double Gamma(int i) => gamma.Length == 0 ? 1 : gamma[item.CoefficientOf(i)];

        void ForEach(Action<int> body)
        {
            for (int i = 0; i < x.Length; i++)
            {
                if (IsValid(i))
                    body(i);
            }
        }

        void Follow()
        {
            double[] newMean = new double[item.C], newVariance = new double[item.C];
            int samples = 0;
            for (int group = 0; group < groups; group++)
            {
                if (total[group] == 0)
                    continue;
                samples += group % item.C == 0 ? 1 : 0;
                newMean[group % item.C] += mean[group];
                newVariance[group % item.C] += variance[group] * total[group] / (total[group] - (squares[group] / total[group]));
            }
            for (int channel = 0; channel < item.C && samples > 0; channel++)
            {
                runningMean[channel] += 0.1 * ((newMean[channel] / samples) - runningMean[channel]);
                runningVariance[channel] += 0.1 * ((newVariance[channel] / samples) - runningVariance[channel]);
            }
        }
    }
}
