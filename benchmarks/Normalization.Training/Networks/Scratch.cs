namespace Normalization.Training.Networks;

/// <summary>Hands out the same tensor whenever the same shape is asked for, so that training allocates only in its first steps.
/// There are few shapes: training batches and test batches.</summary>
internal sealed class Scratch
{
    private readonly List<Tensor<float>> _tensors = [];

    public Tensor<float> Get(params ReadOnlySpan<int> shape)
    {
        foreach (Tensor<float> known in _tensors)
        {
            if (known.Shape.SequenceEqual(shape))
                return known;
        }

        var created = new Tensor<float>(shape);
        _tensors.Add(created);
        return created;
    }
}
