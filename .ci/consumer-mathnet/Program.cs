using MathNet.Numerics.LinearAlgebra;
using Normalization;
using Normalization.MathNet;

// The layers learn to double their own first output, on matrices.
bool allLearned = Learn(new BatchNorm1d<float>(6)) & Learn(new LayerNorm<float>(6));
allLearned &= Learn(new RmsNorm<double>(6)) & Learn(new GroupNorm<double>(2, 6));
return allLearned ? 0 : 1;

bool Learn<T>(NormalizationLayer<T> layer)
    where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
{
    var norm = new MatrixLayer<T>(layer);
    Matrix<T> x = Tensor<T>.RandomNormal([32, 6], seed: 1, mean: 5, standardDeviation: 3).ToMatrix();
    Matrix<T> target = norm.Forward(x) * T.CreateTruncating(2);
    double first = 0, loss = 0;
    for (int step = 0; step < 100; step++)
    {
        Matrix<T> error = norm.Forward(x) - target;
        loss = error.Enumerate().Average(static value => double.CreateTruncating(value * value));
        first = step == 0 ? loss : first;
        layer.ZeroGradients();
        norm.Backward(error * T.CreateTruncating(2.0 / 192));
        foreach (Parameter<T> parameter in layer.Parameters)
            parameter.Value.AsVector().Subtract(parameter.Gradient.AsVector(), parameter.Value.AsVector());
    }
    Console.WriteLine($"{layer.GetType().Name,-16} loss {first:E6} -> {loss:E6}");
    return loss < 0.01 * first;
}
