namespace Normalization.Tests;

/// <summary>Local response normalization as its formula, element by element in double, with its gradient.</summary>
internal sealed record LocalResponse(int Size, double Alpha, double Beta, double K, EvenWindow EvenWindow = EvenWindow.MoreBefore)
{
    public LocalResponseNorm<T> Layer<T>() where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> =>
        new(Size, Alpha, Beta, K) { EvenWindow = EvenWindow };

    /// <summary>y, and what its errors are measured by: |y|.</summary>
    public double[] Forward(ReadOnlySpan<double> x, int n, int c, int s)
    {
        double[] y = new double[x.Length];
        for (int i = 0; i < y.Length; i++)
            y[i] = x[i] / Math.Pow(Sum(x, i, c, s), Beta);
        return y;
    }

    /// <summary>dx, and the sum of the magnitudes of its terms.</summary>
    public (double[] Gradient, double[] Scale) Backward(ReadOnlySpan<double> x, ReadOnlySpan<double> dy, int c, int s)
    {
        double[] gradient = new double[x.Length], scale = new double[x.Length];
        for (int i = 0; i < gradient.Length; i++)
        {
            double sum = Sum(x, i, c, s), power = Math.Pow(sum, Beta), factor = 2 * Alpha / Size * Beta * (dy[i] / power) * (x[i] / sum);
            gradient[i] += dy[i] / power;
            scale[i] += Math.Abs(dy[i] / power);
            foreach (int j in Window(i, c, s))
            {
                gradient[j] -= factor * x[j];
                scale[j] += Math.Abs(factor * x[j]);
            }
        }
        return (gradient, scale);
    }

    private double Sum(ReadOnlySpan<double> x, int i, int c, int s)
    {
        double sum = 0;
        foreach (int j in Window(i, c, s))
            sum += x[j] * x[j];
        return K + (Alpha / Size * sum);
    }

    private IEnumerable<int> Window(int i, int c, int s)
    {
        int channel = i / s % c, before = EvenWindow == EvenWindow.MoreBefore ? Size / 2 : (Size - 1) / 2;
        for (int other = Math.Max(0, channel - before); other < Math.Min(c, channel - before + Size); other++)
            yield return i + ((other - channel) * s);
    }
}
