using Normalization.Training.Data;

namespace Normalization.Training.Networks;

/// <summary>The plan of a multilayer perceptron: hidden layers of a linear step, what stands before the activation, the activation
/// and what stands after it; then a linear classifier. Equal seeds give equal first weights, whatever stands between.</summary>
internal sealed record Perceptron(int Inputs)
{
    public int Depth { get; init; } = 3;

    public int Width { get; init; } = 64;

    /// <summary>The standard deviation of the first hidden weights for a number of inputs; by default He's: what ReLU halves, the weights
    /// give back.</summary>
    public Func<int, double> Deviation { get; init; } = inputs => Math.Sqrt(2.0 / inputs);

    /// <summary>What stands before the first linear step, such as a transform of the pixels.</summary>
    public Func<IEnumerable<ILayer>> BeforeAll { get; init; } = () => [];

    /// <summary>The normalization before each ReLU, in one pass with it; null where <see cref="BeforeActivation"/> and
    /// <see cref="Activation"/> say what stands there, which are not used otherwise.</summary>
    public NormalizationKind? ReluAfter { get; init; }

    public Func<ILayer> Activation { get; init; } = () => new Relu();

    /// <summary>Whether the hidden linear steps have a bias.</summary>
    public bool HasBias { get; init; } = true;

    /// <summary>What stands before an activation of so many units, such as a normalization.</summary>
    public Func<int, Random, IEnumerable<ILayer>> BeforeActivation { get; init; } = (_, _) => [];

    /// <summary>What stands after an activation of so many units, such as dropout.</summary>
    public Func<int, Random, IEnumerable<ILayer>> AfterActivation { get; init; } = (_, _) => [];

    public Network Create(int seed)
    {
        var weights = new Random(seed);
        var others = new Random(~seed);
        var layers = new List<ILayer>(BeforeAll());
        for (int inputs = Inputs, i = 0; i < Depth; i++, inputs = Width)
        {
            layers.Add(new Linear(inputs, Width, Deviation(inputs), weights, HasBias));
            layers.AddRange(ReluAfter is { } kind ? [kind.ReluForFeatures(Width)] : [.. BeforeActivation(Width, others), Activation()]);
            layers.AddRange(AfterActivation(Width, others));
        }

        layers.Add(new Linear(Width, ImageSet.ClassCount, Math.Sqrt(1.0 / Width), weights));
        return new Network([Inputs], layers);
    }
}
