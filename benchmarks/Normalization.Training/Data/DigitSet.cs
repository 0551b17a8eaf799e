namespace Normalization.Training.Data;

/// <summary>Images of handwritten digits with their classes.</summary>
internal sealed class DigitSet(float[] pixels, int[] labels)
{
    public const int Side = 8;
    public const int PixelCount = Side * Side;
    public const int ClassCount = 10;

    public int Count => labels.Length;

    /// <summary>Copies the chosen images and their classes into the destinations.</summary>
    public void CopyTo(ReadOnlySpan<int> chosen, Tensor<float> images, Span<int> classes)
    {
        for (int i = 0; i < chosen.Length; i++)
        {
            pixels.AsSpan(chosen[i] * PixelCount, PixelCount).CopyTo(images.Span[(i * PixelCount)..]);
            classes[i] = labels[chosen[i]];
        }
    }

    /// <summary>Splits into three quarters to train on and one to test on: the same ones always, whatever the seed of a run.</summary>
    public (DigitSet Train, DigitSet Test) Split()
    {
        int[] order = [.. Enumerable.Range(0, Count)];
        new Random(1998).Shuffle(order);
        int trainCount = Count - Count / 4;
        return (Pick(order.AsSpan(..trainCount)), Pick(order.AsSpan(trainCount..)));
    }

    private DigitSet Pick(ReadOnlySpan<int> chosen)
    {
        var images = new Tensor<float>(new float[chosen.Length * PixelCount], chosen.Length, PixelCount);
        var classes = new int[chosen.Length];
        CopyTo(chosen, images, classes);
        return new DigitSet(images.Span.ToArray(), classes);
    }
}
