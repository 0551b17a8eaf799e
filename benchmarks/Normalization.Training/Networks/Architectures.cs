using Normalization.Training.Data;

namespace Normalization.Training.Networks;

/// <summary>The networks of the comparison, and a deeper one. Equal seeds give equal first weights, whatever the normalization.</summary>
internal static class Architectures
{
    /// <summary>Four 3x3 convolutions with ReLU, on all pixels and then on a quarter of them, and a linear classifier.</summary>
    public static Network Convolutional(NormalizationKind kind, int side, int seed) =>
        Convolutional((channels, size) => [kind.ReluForImages(channels, size)], side, seed);

    /// <summary>The same with any layers after the convolutions, made from the number of channels and the side of the image.</summary>
    public static Network Convolutional(Func<int, int, IEnumerable<ILayer>> after, int side, int seed)
    {
        const int Few = 8;
        const int Many = 16;
        int features = Many * side / 4 * side / 4;
        var random = new Random(seed);
        ILayer[] Step(int inputs, int outputs, int size) =>
            [new Convolution(inputs, outputs, random), .. after(outputs, size)];
        return new Network(
            [1, side, side],
            [
                .. Step(1, Few, side), .. Step(Few, Few, side), new AveragePool(),
                .. Step(Few, Many, side / 2), .. Step(Many, Many, side / 2), new AveragePool(),
                new Linear(features, ImageSet.ClassCount, Math.Sqrt(1.0 / features), random),
            ]);
    }

    /// <summary>Seven 3x3 convolutions with ReLU, on all pixels, a quarter and a sixteenth of them, and a linear classifier.</summary>
    public static Network DeepConvolutional(NormalizationKind kind, int side, int seed)
    {
        const int Few = 8, More = 16, Many = 32;
        int half = side / 2, quarter = side / 4;
        var random = new Random(seed);
        ILayer[] Step(int inputs, int outputs, int size) =>
            [new Convolution(inputs, outputs, random), kind.ReluForImages(outputs, size)];
        return new Network(
            [1, side, side],
            [
                .. Step(1, Few, side), new AveragePool(),
                .. Step(Few, More, half), .. Step(More, More, half), .. Step(More, More, half), new AveragePool(),
                .. Step(More, Many, quarter), .. Step(Many, Many, quarter), .. Step(Many, Many, quarter),
                new Linear(Many * quarter * quarter, ImageSet.ClassCount, Math.Sqrt(1.0 / (Many * quarter * quarter)), random),
            ]);
    }

    /// <summary>A multilayer perceptron of five hidden layers of sigmoids, for images of this side.</summary>
    public static Network SigmoidPerceptron(NormalizationKind kind, int side, int seed)
    {
        const int Width = 64;
        return new Perceptron(side * side)
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
