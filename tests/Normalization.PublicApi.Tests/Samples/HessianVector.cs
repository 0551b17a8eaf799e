using Normalization;

namespace Samples;

internal static class HessianVector
{
    public static void Run()
    {
        var norm = new RmsNorm<double>(6);
        Tensor<double> x = Tensor<double>.RandomNormal([2, 6], seed: 1), direction = Tensor<double>.RandomNormal([2, 6], seed: 2);
        Tensor<double> y = new(2, 6), tangent = new(2, 6), dxTangent = new(2, 6), rest = new(2, 6);
        // begin-sample hessian-vector
        // The loss Σ y² / 2: dy is y, and the tangent of dy is the tangent of y.
        norm.Forward(x, y);
        norm.DoubleBackward(y, new DoubleBackwardOptions<double>
        {
            InputGradientGradient = direction,   // as a tangent of x
            OutputGradientGradient = tangent,    // the tangent of y
            InputGradient = dxTangent,           // the tangent of dx for a constant dy
        });
        norm.Backward(tangent, rest);            // and what the tangent of dy adds to it
        for (int i = 0; i < rest.Length; i++)
            dxTangent.Span[i] += rest.Span[i];   // the Hessian of the loss, times the direction
        // end-sample
        const double h = 1e-5;
        double[] ahead = Gradient(h), behind = Gradient(-h);
        for (int i = 0; i < ahead.Length; i++)
            dxTangent.Span[i].Should().BeApproximately((ahead[i] - behind[i]) / (2 * h), 1e-8);

        double[] Gradient(double step)
        {
            Tensor<double> moved = x.Clone();
            for (int i = 0; i < moved.Length; i++)
                moved.Span[i] += step * direction.Span[i];
            return norm.Backward(norm.Forward(moved)).Span.ToArray();
        }
    }
}
