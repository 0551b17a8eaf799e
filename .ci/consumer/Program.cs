using Normalization;

bool allLearned = true;
Learn(new BatchNorm1d<float>(6), 32, 6);
Learn(new BatchNorm2d<float>(6), 4, 6, 9, 9);
Learn(new BatchNorm3d<double>(6), 4, 6, 2, 3, 3);
Learn(new GroupNorm<float>(2, 6), 8, 6, 5);
Learn(new InstanceNorm2d<float>(6, affine: true, trackRunningStatistics: true), 4, 6, 7, 7);
Learn(new InstanceNorm<double>(6, affine: true), 4, 6, 2, 2, 2, 2);
Learn(new LayerNorm<float>(33), 16, 33);
Learn(new LayerNorm<double>([3, 5], bias: false), 16, 3, 5);
Learn(new RmsNorm<float>(33), 16, 33);
Learn(new RmsNorm<double>(33), 16, 33);
return allLearned ? 0 : 1;

// The layer learns to double its own first output.
void Learn<T>(NormalizationLayer<T> layer, params ReadOnlySpan<int> shape)
    where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
{
    Tensor<T> x = Tensor<T>.RandomNormal(shape, seed: 1, mean: 5, standardDeviation: 3);
    Tensor<T> target = layer.Forward(x), gradient = new(shape);
    double first = 0, loss = 0;
    for (int step = 0; step < 100; step++)
    {
        Tensor<T> y = layer.Forward(x);
        loss = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double error = double.CreateTruncating(y.Span[i]) - (2 * double.CreateTruncating(target.Span[i]));
            loss += error * error / x.Length;
            gradient.Span[i] = T.CreateTruncating(2 * error / x.Length);
        }
        first = step == 0 ? loss : first;
        layer.ZeroGradients();
        layer.Backward(gradient);
        foreach (Parameter<T> parameter in layer.Parameters)
        {
            for (int i = 0; i < parameter.Value.Length; i++)
                parameter.Value.Span[i] -= T.CreateTruncating(0.2 * parameter.Value.Length) * parameter.Gradient.Span[i];
        }
    }
    layer.Eval();
    layer.Forward(x, x);
    Console.WriteLine($"{layer.GetType().Name,-16} loss {first:E6} -> {loss:E6}");
    allLearned &= loss < 0.01 * first && x.ToString().Length > 0;
}
