namespace Normalization.Training.Data;

/// <summary>Square grey images of ten classes, with their classes. Pixels lie in [0, 1].</summary>
internal sealed class ImageSet(float[] pixels, int[] labels, int side)
{
    public const int ClassCount = 10;

    public int Count => labels.Length;

    public ReadOnlySpan<int> Labels => labels;

    public int Side => side;

    public int PixelCount => side * side;

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
    public (ImageSet Train, ImageSet Test) Split()
    {
        int[] order = Order();
        int trainCount = Count - Count / 4;
        return (Pick(order.AsSpan(..trainCount)), Pick(order.AsSpan(trainCount..)));
    }

    /// <summary>So many of the images, the same ones always; all of them if there are no more.</summary>
    public ImageSet Some(int count) => count >= Count ? this : Pick(Order().AsSpan(..count));

    /// <summary>The same images with every pixel changed.</summary>
    public ImageSet Map(Func<float, float> change) => new(Array.ConvertAll(pixels, pixel => change(pixel)), labels, side);

    private int[] Order()
    {
        int[] order = [.. Enumerable.Range(0, Count)];
        new Random(1998).Shuffle(order);
        return order;
    }

    private ImageSet Pick(ReadOnlySpan<int> chosen)
    {
        var images = new Tensor<float>(chosen.Length, PixelCount);
        var classes = new int[chosen.Length];
        CopyTo(chosen, images, classes);
        return new ImageSet(images.Span.ToArray(), classes, side);
    }
}
