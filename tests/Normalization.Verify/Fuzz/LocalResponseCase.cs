using System.Numerics;
using System.Runtime.InteropServices;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Fuzz;

/// <summary>Local response normalization on spans that fit, do not fit or overlap, with values of every kind, right and wrong.</summary>
internal sealed class LocalResponseCase<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly FuzzRandom _random;
    private readonly int _n;
    private readonly int _c;
    private readonly int _s;
    private readonly int _size;
    private readonly double _alpha;
    private readonly double _beta;
    private readonly double _k;
    private readonly EvenWindow _evenWindow;

    private LocalResponseCase(FuzzRandom random)
    {
        _random = random;
        (_n, _c, _s) = (random.Size(), random.Size(), random.Size());
        _size = random.Chance(0.03) ? random.Of(0, -1) : 1 + random.Below(random.Chance(0.2) ? 50 : 9);
        _alpha = random.Chance(0.03) ? random.Of(-1, double.NaN) : random.Of(1e-4, 1, 0, 30);
        _beta = random.Chance(0.03) ? random.Of(-0.1, 2.5, double.NaN) : random.Of(0.75, 0.75, 0.5, 1, 0.6, 0, 2);
        _k = random.Chance(0.03) ? random.Of(0, -1, double.PositiveInfinity) : random.Of(1, 2, 1e-6);
        _evenWindow = random.Chance(0.02) ? (EvenWindow)3 : random.Of(EvenWindow.MoreBefore, EvenWindow.MoreAfter);
    }

    private bool AreValuesRight =>
        _size > 0 && _alpha >= 0 && _beta is >= 0 and <= 2 && _k > 0 && double.IsFinite(_k)
        && _evenWindow is EvenWindow.MoreBefore or EvenWindow.MoreAfter;

    // The error of a sum of squares in float.
    private static double Tolerance => typeof(T) == typeof(float) ? 1e-6 : 1e-13;

    public static void Run(FuzzRandom random) => new LocalResponseCase<T>(random).Run();

    private void Run()
    {
        int length = _n * _c * _s;
        T[] block = new T[length + 3], gradients = new T[length + 3];
        Span<T> x = block.AsSpan(0, length), dy = gradients.AsSpan(0, length);
        bool isFinite = _random.Fill(x) & _random.Fill(dy);
        // An output apart, over the input, or shifted against it.
        int place = _random.Below(8), shift = place == 0 && length > 1 ? 1 : 0;
        bool isInPlace = place <= 1 && length > 0, isRight = AreValuesRight && shift == 0;
        int missing = _random.Chance(0.04) && length > 0 ? 1 : 0;
        isRight &= missing == 0;
        double[] input = Values.ToDoubles<T>(x), output = Values.ToDoubles<T>(dy);
        T[] kept = [.. block], keptGradients = [.. gradients], y = new T[length], dx = new T[length];
        Memory<T> target = isInPlace ? block.AsMemory(shift, length) : y;
        Memory<T> gradientTarget = isInPlace ? gradients.AsMemory(shift, length) : dx;
        Outcome expected = isRight ? Outcome.Success : Outcome.Argument;
        bool threw = expected.Throws("LocalResponseNormGradient", () => NormalizationPrimitives.LocalResponseNormGradient<T>(
            block.AsSpan(0, length), gradients.AsSpan(0, length - missing), _n, _c, _s, _size, _alpha, _beta, _k, gradientTarget.Span, _evenWindow));
        threw |= expected.Throws("LocalResponseNormForward", () => NormalizationPrimitives.LocalResponseNormForward<T>(
            block.AsSpan(0, length - missing), _n, _c, _s, _size, _alpha, _beta, _k, target.Span, _evenWindow));
        if (threw)
        {
            bool isKept = MemoryMarshal.AsBytes<T>(block).SequenceEqual(MemoryMarshal.AsBytes<T>(kept))
                && MemoryMarshal.AsBytes<T>(gradients).SequenceEqual(MemoryMarshal.AsBytes<T>(keptGradients));
            FuzzFailure.Require(isKept, "LocalResponseNorm, which threw, wrote elements");
        }
        else if (isFinite)
        {
            Judge(input, output, target.Span, gradientTarget.Span);
        }
    }

    private void Judge(double[] x, double[] dy, ReadOnlySpan<T> y, ReadOnlySpan<T> dx)
    {
        double[] sums = new double[x.Length], exact = new double[x.Length], scale = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            foreach (int j in Window(i))
                sums[i] += x[j] * x[j];
            sums[i] = _k + (_alpha / _size * sums[i]);
            double direct = dy[i] / Math.Pow(sums[i], _beta), factor = 2 * _alpha / _size * _beta * direct * (x[i] / sums[i]);
            (exact[i], scale[i]) = (exact[i] + direct, scale[i] + Math.Abs(direct));
            foreach (int j in Window(i))
                (exact[j], scale[j]) = (exact[j] - (factor * x[j]), scale[j] + Math.Abs(factor * x[j]));
        }
        double least = typeof(T) == typeof(float) ? 1e-44 : 0;
        for (int i = 0; i < x.Length; i++)
        {
            double expected = x[i] / Math.Pow(sums[i], _beta);
            FuzzFailure.Require(
                Math.Abs(double.CreateChecked(y[i]) - expected) <= (Tolerance * Math.Abs(expected)) + least, "LocalResponseNormForward: wrong output");
            FuzzFailure.Require(
                Math.Abs(double.CreateChecked(dx[i]) - exact[i]) <= (Tolerance * scale[i]) + least, "LocalResponseNormGradient: wrong gradient");
        }
    }

    private IEnumerable<int> Window(int i)
    {
        int channel = i / _s % _c, first = channel - (_evenWindow == EvenWindow.MoreBefore ? _size / 2 : (_size - 1) / 2);
        for (int other = Math.Max(0, first); other < Math.Min(_c, first + _size); other++)
            yield return i + ((other - channel) * _s);
    }
}
