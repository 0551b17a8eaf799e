using Normalization;

namespace Samples;

// begin-sample gradient-penalty
/// <summary>D(x) = c · norm(W · x) for each row of x, with the penalty of WGAN-GP: the mean of (‖∂D/∂x‖ - 1)².</summary>
internal sealed class Critic(Tensor<double> w, Tensor<double> c)
{
    private readonly LayerNorm<double> _norm = new(c.Length);

    public Parameter<double> Gamma => _norm.Weight!;

    public Tensor<double> WGradient { get; } = new(w.Shape);

    public Tensor<double> CGradient { get; } = new(c.Shape);

    /// <summary>Returns the penalty and adds its gradient to those of W, c and γ.</summary>
    public double AddPenalty(Tensor<double> x)
    {
        int rows = x.Shape[0];
        Tensor<double> h = Products.TimesTransposed(x, w), dy = new(h.Shape), dh = new(h.Shape);
        for (int row = 0; row < rows; row++)
            c.Span.CopyTo(dy.Span[(row * c.Length)..]);

        // Forward, and backward to ∂D/∂x. γ gets the gradient of the penalty alone, so what this backward pass added is taken off.
        double[] before = Gamma.Gradient.Span.ToArray();
        _norm.Forward(h);
        _norm.Backward(dy, dh);
        before.CopyTo(Gamma.Gradient.Span);
        Tensor<double> dx = Products.Times(dh, w);

        // The penalty, and its gradient with respect to ∂D/∂x.
        Tensor<double> dxGradient = new(x.Shape);
        double penalty = 0;
        for (int row = 0; row < rows; row++)
        {
            Span<double> slope = dx.Span.Slice(row * x.Shape[1], x.Shape[1]);
            double norm = Products.Norm(slope);
            penalty += (norm - 1) * (norm - 1) / rows;
            for (int i = 0; i < slope.Length; i++)
                dxGradient[row, i] = 2 * (norm - 1) / (norm * rows) * slope[i];
        }

        // Backward through ∂D/∂x = dh · W, through the backward pass of the norm, and through h = x · Wᵀ.
        Tensor<double> dhGradient = Products.TimesTransposed(dxGradient, w), dyGradient = new(h.Shape), hGradient = new(h.Shape);
        _norm.DoubleBackward(dy, new DoubleBackwardOptions<double>
        {
            InputGradientGradient = dhGradient,
            OutputGradientGradient = dyGradient,
            InputGradient = hGradient,
        });
        Products.AddTransposedTimes(dh, dxGradient, WGradient);
        Products.AddTransposedTimes(hGradient, x, WGradient);
        for (int i = 0; i < dyGradient.Length; i++)
            CGradient.Span[i % c.Length] += dyGradient.Span[i];
        return penalty;
    }
}
// end-sample

internal static class GradientPenalty
{
    public static void Run()
    {
        Tensor<double> w = Tensor<double>.RandomNormal([5, 3], seed: 1), c = Tensor<double>.RandomNormal([5], seed: 2);
        Tensor<double> x = Tensor<double>.RandomNormal([4, 3], seed: 3);
        var critic = new Critic(w, c);
        Tensor<double>.RandomNormal([5], seed: 4, mean: 1).CopyTo(critic.Gamma.Value);
        critic.AddPenalty(x).Should().BePositive();
        double[] claimed = [.. critic.WGradient.Span, .. critic.CGradient.Span, .. critic.Gamma.Gradient.Span];
        Tensor<double>[] values = [w, c, critic.Gamma.Value];
        int place = 0;
        foreach (Tensor<double> value in values)
        {
            for (int i = 0; i < value.Length; i++)
                claimed[place++].Should().BeApproximately(Slope(value, i), 1e-6);
        }

        double Slope(Tensor<double> value, int i)
        {
            const double h = 1e-5;
            double start = value.Span[i];
            value.Span[i] = start + h;
            double ahead = critic.AddPenalty(x);
            value.Span[i] = start - h;
            double behind = critic.AddPenalty(x);
            value.Span[i] = start;
            return (ahead - behind) / (2 * h);
        }
    }
}

/// <summary>Products of small matrices.</summary>
internal static class Products
{
    public static double Norm(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
            sum += value * value;
        return Math.Sqrt(sum);
    }

    public static Tensor<double> Times(Tensor<double> left, Tensor<double> right)
    {
        var product = new Tensor<double>(left.Shape[0], right.Shape[1]);
        for (int row = 0; row < left.Shape[0]; row++)
        {
            for (int k = 0; k < left.Shape[1]; k++)
            {
                for (int column = 0; column < right.Shape[1]; column++)
                    product[row, column] += left[row, k] * right[k, column];
            }
        }
        return product;
    }

    public static Tensor<double> TimesTransposed(Tensor<double> left, Tensor<double> right)
    {
        var transposed = new Tensor<double>(right.Shape[1], right.Shape[0]);
        for (int row = 0; row < right.Shape[0]; row++)
        {
            for (int column = 0; column < right.Shape[1]; column++)
                transposed[column, row] = right[row, column];
        }
        return Times(left, transposed);
    }

    /// <summary>sum += leftᵀ · right.</summary>
    public static void AddTransposedTimes(Tensor<double> left, Tensor<double> right, Tensor<double> sum)
    {
        for (int row = 0; row < left.Shape[0]; row++)
        {
            for (int i = 0; i < left.Shape[1]; i++)
            {
                for (int k = 0; k < right.Shape[1]; k++)
                    sum[i, k] += left[row, i] * right[row, k];
            }
        }
    }
}
