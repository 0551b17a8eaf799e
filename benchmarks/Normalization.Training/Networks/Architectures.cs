using Normalization.Training.Data;

namespace Normalization.Training.Networks;

/// <summary>The two networks of the comparison. Equal seeds give equal first weights, whatever the normalization.</summary>
internal static class Architectures
{
    public static Network Convolutional(NormalizationKind kind, int seed) => Convolutional(kind, DigitReader.Side, seed);

    /// <summary>Four 3x3 convolutions with ReLU, on all pixels and then on a quarter of them, and a linear classifier.</summary>
    public static Network Convolutional(NormalizationKind kind, int side, int seed)
    {
        const int Few = 8;
        const int Many = 16;
        int features = Many * side / 4 * side / 4;
        var random = new Random(seed);
        return new Network(
            [1, side, side],
            [
                new Convolution(1, Few, random), .. kind.ForImages(Few, side), new Relu(),
                new Convolution(Few, Few, random), .. kind.ForImages(Few, side), new Relu(),
                new AveragePool(),
                new Convolution(Few, Many, random), .. kind.ForImages(Many, side / 2), new Relu(),
                new Convolution(Many, Many, random), .. kind.ForImages(Many, side / 2), new Relu(),
                new AveragePool(),
                new Linear(features, ImageSet.ClassCount, Math.Sqrt(1.0 / features), random),
            ]);
    }

    public static Network SigmoidPerceptron(NormalizationKind kind, int seed) =>
        SigmoidPerceptron(kind, DigitReader.Side * DigitReader.Side, seed);

    /// <summary>A multilayer perceptron of five hidden layers of sigmoids.</summary>
    public static Network SigmoidPerceptron(NormalizationKind kind, int inputs, int seed)
    {
        const int Width = 64;
        return new Perceptron(inputs)
        {
            Depth = 5,
            Width = Width,
            Activation = () => new Sigmoid(),
            BeforeActivation = (width, _) => kind.ForFeatures(width),

            // Glorot's deviation: forward and backward keep their scale as long as the activation is near linear.
            Deviation = inputs => Math.Sqrt(2.0 / (inputs + Width)),
        }.Create(seed);
    }
}
