using Normalization.Training.Data;

namespace Normalization.Training.Networks;

/// <summary>The two networks of the comparison. Equal seeds give equal first weights, whatever the normalization.</summary>
internal static class Architectures
{
    /// <summary>Four 3x3 convolutions with ReLU, on 8x8 and then on 4x4 pixels, and a linear classifier.</summary>
    public static Network Convolutional(NormalizationKind kind, int seed)
    {
        const int Side = DigitSet.Side;
        const int Few = 8;
        const int Many = 16;
        const int Features = Many * Side / 4 * Side / 4;
        var random = new Random(seed);
        return new Network(
            [1, Side, Side],
            [
                new Convolution(1, Few, random), .. kind.ForImages(Few, Side), new Relu(),
                new Convolution(Few, Few, random), .. kind.ForImages(Few, Side), new Relu(),
                new AveragePool(),
                new Convolution(Few, Many, random), .. kind.ForImages(Many, Side / 2), new Relu(),
                new Convolution(Many, Many, random), .. kind.ForImages(Many, Side / 2), new Relu(),
                new AveragePool(),
                new Linear(Features, DigitSet.ClassCount, Math.Sqrt(1.0 / Features), random),
            ]);
    }

    /// <summary>A multilayer perceptron of five hidden layers of sigmoids.</summary>
    public static Network SigmoidPerceptron(NormalizationKind kind, int seed)
    {
        const int Depth = 5;
        const int Width = 64;
        var random = new Random(seed);
        var layers = new List<ILayer>();
        for (int inputs = DigitSet.PixelCount, i = 0; i < Depth; i++, inputs = Width)
        {
            // Glorot's deviation: forward and backward keep their scale as long as the activation is near linear.
            double deviation = Math.Sqrt(2.0 / (inputs + Width));
            layers.AddRange([new Linear(inputs, Width, deviation, random), .. kind.ForFeatures(Width), new Sigmoid()]);
        }

        layers.Add(new Linear(Width, DigitSet.ClassCount, Math.Sqrt(1.0 / Width), random));
        return new Network([DigitSet.PixelCount], layers);
    }
}
