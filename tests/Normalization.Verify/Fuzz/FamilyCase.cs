using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Fuzz;

/// <summary>The inverse of InstanceNorm, BatchRenorm, weight norm and spectral norm, on tensors that fit, do not fit or overlap.</summary>
internal sealed class FamilyCase<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly FuzzRandom _random;

    private FamilyCase(FuzzRandom random) => _random = random;

    private static double Tolerance => typeof(T) == typeof(float) ? 1e-4 : 1e-9;

    public static void Run(FuzzRandom random)
    {
        var @case = new FamilyCase<T>(random);
        switch (random.Below(4))
        {
            case 0:
                @case.Invert();
                break;
            case 1:
                @case.Renormalize();
                break;
            case 2:
                @case.NormalizeWeight();
                break;
            default:
                @case.NormalizeSpectrum();
                break;
        }
    }

    /// <summary>The inverse of an output is the input, on values where rounding loses little.</summary>
    private void Invert()
    {
        int n = _random.Below(4), c = 1 + _random.Below(4), length = 2 + _random.Below(20);
        var layer = new InstanceNorm1d<T>(c, affine: _random.Chance(0.5));
        Tensor<T> x = Normal(n, c, length), y = new(n, c, length), back = Marked(n, c, length);
        var context = new ForwardContext<T>();
        bool hasForward = _random.Chance(0.9), isZero = layer.Weight is not null && _random.Chance(0.1);
        bool isWrongShape = _random.Chance(0.1), isShifted = _random.Chance(0.1) && x.Length > 0;
        if (hasForward)
            layer.Forward(x, y, context);
        if (isZero)
            layer.Weight!.Value.Span[_random.Below(c)] = T.Zero;
        (Tensor<T> copy, Tensor<T> shifted) = Overlapping(y);
        Tensor<T> input = isWrongShape ? new(n + 1, c, length) : copy;
        Tensor<T> output = isWrongShape ? new(n + 1, c, length) : isShifted ? shifted : _random.Chance(0.3) ? input : back;
        Outcome expected = !hasForward || isZero || n == 0 ? Outcome.Order : Outcome.Success;
        expected |= isWrongShape || isShifted ? Outcome.Argument : Outcome.Success;
        // Nothing to do is done whatever the context has.
        if (n == 0 && hasForward && !isZero && !isWrongShape)
            expected = isShifted ? Outcome.Argument : Outcome.Success;
        if (expected.Throws("Invert", () => layer.Invert(input, output, context)))
            RequireMarked("Invert", back);
        else
            RequireClose("Invert", Values.ToDoubles<T>(output.Span), Values.ToDoubles<T>(x.Span), 20);
    }

    /// <summary>Training computes ((x - μ) / σ · r + d) · γ + β, with r and d from the statistics before the batch.</summary>
    private void Renormalize()
    {
        int n = 2 + _random.Below(5), c = 1 + _random.Below(4), s = 1 + _random.Below(9);
        var layer = new BatchRenorm<T>(c) { WarmUpStart = _random.Below(2), MaxScaleBatches = 0, MaxShiftBatches = 0 };
        Tensor<T> x = Normal(n, c, s), y = new(n, c, s);
        Tensor<T>.RandomNormal([c], _random.Below(99), 1).CopyTo(layer.RunningMean!);
        layer.RunningVariance!.Fill(T.CreateChecked(_random.Of(0.5, 2, 40)));
        double[] input = Values.ToDoubles<T>(x.Span), expected = new double[x.Length];
        double maxScale = layer.CurrentMaxScale, maxShift = layer.CurrentMaxShift;
        for (int channel = 0; channel < c; channel++)
        {
            int[] own = [.. Enumerable.Range(0, x.Length).Where(i => i / s % c == channel)];
            double mean = own.Average(i => input[i]), deviation = Math.Sqrt(own.Average(i => Math.Pow(input[i] - mean, 2)) + layer.Epsilon);
            double running = Math.Sqrt(double.CreateChecked(layer.RunningVariance!.Span[channel]) + layer.Epsilon);
            double scale = Math.Clamp(deviation / running, 1 / maxScale, maxScale);
            double shift = Math.Clamp((mean - double.CreateChecked(layer.RunningMean!.Span[channel])) / running, -maxShift, maxShift);
            foreach (int i in own)
                expected[i] = ((input[i] - mean) / deviation * scale) + shift;
        }
        T[] before = [.. layer.RunningMean!.Span];
        bool hasSkip = _random.Chance(0.15);
        Refuses(hasSkip, "BatchRenorm", () => layer.Forward(x, y, new ForwardOptions<T> { Skip = hasSkip ? x : null }));
        if (hasSkip)
            FuzzFailure.Require(layer.RunningMean.Span.SequenceEqual(before), "BatchRenorm, which refused a skip, moved its statistics");
        else
            RequireClose("BatchRenorm", Values.ToDoubles<T>(y.Span), expected, 10);
    }

    /// <summary>w = g · v / ‖v‖ for the indices of one dimension, or for all.</summary>
    private void NormalizeWeight()
    {
        int[] shape = [1 + _random.Below(5), 1 + _random.Below(5), 1 + _random.Below(4)];
        int? dimension = _random.Chance(0.2) ? null : _random.Below(3);
        int rows = dimension is int own ? shape[own] : 1;
        bool isWrongDimension = _random.Chance(0.05), isWrongLength = _random.Chance(0.05), isShifted = _random.Chance(0.05);
        (Tensor<T> v, Tensor<T> shifted) = Overlapping(Normal(shape));
        isShifted &= v.Length > 1;
        Tensor<T> g = Normal(isWrongLength ? rows + 1 : rows), w = isShifted ? shifted : Marked(shape);
        Outcome expected = isWrongDimension || isWrongLength || isShifted ? Outcome.Argument : Outcome.Success;
        if (expected.Throws("WeightNorm.Forward", () => WeightNorm.Forward(v, g, w, isWrongDimension ? 3 : dimension)))
        {
            if (!isShifted)
                RequireMarked("WeightNorm.Forward", w);
            return;
        }
        double[] directions = Values.ToDoubles<T>(v.Span), magnitudes = Values.ToDoubles<T>(g.Span), exact = new double[v.Length];
        for (int row = 0; row < rows; row++)
        {
            int[] indices = [.. Enumerable.Range(0, v.Length).Where(i => RowOf(shape, dimension, i) == row)];
            double norm = Math.Sqrt(indices.Sum(i => directions[i] * directions[i]));
            foreach (int i in indices)
                exact[i] = norm == 0 ? 0 : magnitudes[row] * directions[i] / norm;
        }
        RequireClose("WeightNorm.Forward", Values.ToDoubles<T>(w.Span), exact, 4);
    }

    /// <summary>After many iterations the largest singular value of the result is 1; u and v are unit vectors after any number.</summary>
    private void NormalizeSpectrum()
    {
        int[] shape = [1 + _random.Below(5), 1 + _random.Below(5)];
        var norm = new SpectralNorm<T>(shape, powerIterations: 1 + _random.Below(3), seed: _random.Below(9));
        bool isWrongShape = _random.Chance(0.1);
        Tensor<T> original = Normal(shape), w = isWrongShape ? Marked(shape[0] + 1, shape[1]) : Marked(shape);
        T[] left = [.. norm.LeftVector.Span];
        double sigma = 0;
        Outcome expected = isWrongShape ? Outcome.Argument : Outcome.Success;
        if (expected.Throws("SpectralNorm.Forward", () => sigma = norm.Forward(original, w)))
        {
            RequireMarked("SpectralNorm.Forward", w);
            FuzzFailure.Require(norm.LeftVector.Span.SequenceEqual(left), "SpectralNorm.Forward, which threw, moved u");
            return;
        }
        double[] divided = [.. Values.ToDoubles<T>(original.Span).Select(value => value / sigma)];
        RequireClose("SpectralNorm.Forward", Values.ToDoubles<T>(w.Span), divided, 4);
        foreach (Tensor<T> vector in (Tensor<T>[])[norm.LeftVector, norm.RightVector])
        {
            double length = Math.Sqrt(Values.ToDoubles<T>(vector.Span).Sum(value => value * value));
            FuzzFailure.Require(Math.Abs(length - 1) < Tolerance, "SpectralNorm.Forward: a vector that is no unit vector");
        }
    }

    private static int RowOf(int[] shape, int? dimension, int i) => dimension switch
    {
        null => 0,
        0 => i / (shape[1] * shape[2]),
        1 => i / shape[2] % shape[1],
        _ => i % shape[2],
    };

    private Tensor<T> Normal(params int[] shape) =>
        Tensor<T>.RandomNormal(shape, _random.Below(1000), _random.Of(0, 1, 3), _random.Of(0.5, 1, 2));

    private static Tensor<T> Marked(params int[] shape) => Tensor<T>.Full(shape, T.CreateChecked(7));

    /// <summary>A copy of a tensor, and a tensor whose memory begins one element later.</summary>
    private static (Tensor<T> Copy, Tensor<T> Shifted) Overlapping(Tensor<T> tensor)
    {
        T[] block = new T[tensor.Length + 1];
        tensor.Span.CopyTo(block);
        return (new(block.AsMemory(0, tensor.Length), tensor.Shape), new(block.AsMemory(1, tensor.Length), tensor.Shape));
    }

    private static void Refuses(bool isRefused, string what, Action call)
    {
        try
        {
            call();
        }
        catch (NotSupportedException) when (isRefused)
        {
            return;
        }
        FuzzFailure.Require(!isRefused, $"{what}: Success instead of NotSupportedException");
    }

    private static void RequireMarked(string what, Tensor<T> output) =>
        FuzzFailure.Require(output.Span.IndexOfAnyExcept(T.CreateChecked(7)) < 0, $"{what}, which threw, wrote elements");

    private static void RequireClose(string what, double[] actual, double[] expected, double scale)
    {
        for (int i = 0; i < expected.Length; i++)
            FuzzFailure.Require(Math.Abs(actual[i] - expected[i]) <= Tolerance * (scale + Math.Abs(expected[i])), $"{what}: a wrong value");
    }
}
