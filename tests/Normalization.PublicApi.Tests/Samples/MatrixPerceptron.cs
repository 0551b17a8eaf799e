using MathNet.Numerics.LinearAlgebra;
using Normalization;
using Normalization.MathNet;

namespace Samples;

internal static class MatrixPerceptron
{
    public static void Run()
    {
        // begin-sample matrix-perceptron
        // A toy function: the product of two numbers, which no linear layer can give.
        const int Samples = 256, Hidden = 32;
        var random = new Random(1);
        Matrix<float> Uniform(int rows, int columns) => Matrix<float>.Build.Dense(rows, columns, (_, _) => (2 * random.NextSingle()) - 1);
        Matrix<float> x = Uniform(Samples, 2), w1 = Uniform(2, Hidden), w2 = Uniform(Hidden, 1) * 0.1f;
        Matrix<float> target = x.SubMatrix(0, Samples, 0, 1).PointwiseMultiply(x.SubMatrix(0, Samples, 1, 1));
        var norm = new MatrixLayer<float>(new BatchNorm1d<float>(Hidden));

        for (int step = 0; step <= 400; step++)
        {
            // Forward: samples in rows, and no bias before the norm, which has its own.
            Matrix<float> normalized = norm.Forward(x * w1);
            Matrix<float> hidden = normalized.PointwiseMaximum(0);
            Matrix<float> error = (hidden * w2) - target;
            if (step % 200 == 0)
                Console.WriteLine($"step {step}: loss {error.PointwisePower(2).Enumerate().Average():F3}");

            // Backward: through the product, the ReLU, the norm and the first product.
            Matrix<float> gradient = error * (2f / Samples);
            Matrix<float> w2Gradient = hidden.TransposeThisAndMultiply(gradient);
            Matrix<float> hiddenGradient = gradient.TransposeAndMultiply(w2).PointwiseMultiply(hidden.PointwiseSign());
            norm.Layer.ZeroGradients();
            Matrix<float> w1Gradient = x.TransposeThisAndMultiply(norm.Backward(hiddenGradient));

            // One step of gradient descent. γ and β are vectors over the layer's own memory.
            w1 -= 0.1f * w1Gradient;
            w2 -= 0.1f * w2Gradient;
            foreach (Parameter<float> parameter in norm.Layer.Parameters)
            {
                Vector<float> value = parameter.Value.AsVector();
                value.Subtract(0.1f * parameter.Gradient.AsVector(), value);
            }
        }
        // end-sample
        norm.Layer.Eval();
        Matrix<float> rest = (norm.Forward(x * w1).PointwiseMaximum(0) * w2) - target;
        rest.PointwisePower(2).Enumerate().Average()
            .Should().BeLessThan(0.02f, "the network has learned the product, whose mean square is 1/9");
    }
}
