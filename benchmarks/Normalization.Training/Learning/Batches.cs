using Normalization.Training.Data;

namespace Normalization.Training.Learning;

/// <summary>Some images and their classes.</summary>
internal sealed record Batch(Tensor<float> Images, int[] Labels);

/// <summary>Cuts a set of images into batches; every batch overwrites the one before it.</summary>
internal sealed class Batches
{
    private readonly ImageSet _images;
    private readonly int[] _order;
    private readonly Batch _full;
    private readonly Batch _rest;
    private int _next;
    private bool _isShuffled;

    public Batches(ImageSet images, ReadOnlySpan<int> exampleShape, int size)
    {
        _images = images;
        _order = [.. Enumerable.Range(0, images.Count)];
        _next = images.Count;
        _full = Create(exampleShape, Math.Min(size, images.Count));
        _rest = Create(exampleShape, images.Count % size);
    }

    public int ExampleCount => _images.Count;

    /// <summary>The next full batch of a random order; when the order is used up, a new one begins, or the same again.</summary>
    public Batch NextRandom(Random random, bool sameAgain = false)
    {
        if (_next + _full.Labels.Length > _order.Length)
        {
            if (!sameAgain || !_isShuffled)
                random.Shuffle(_order);

            _isShuffled = true;
            _next = 0;
        }

        return Fill(_full, ref _next);
    }

    /// <summary>Every example once, in order; the last batch may be smaller.</summary>
    public IEnumerable<Batch> InOrder()
    {
        for (int next = 0; next < _order.Length;)
            yield return Fill(_order.Length - next >= _full.Labels.Length ? _full : _rest, ref next);
    }

    private Batch Fill(Batch batch, ref int next)
    {
        _images.CopyTo(_order.AsSpan(next, batch.Labels.Length), batch.Images, batch.Labels);
        next += batch.Labels.Length;
        return batch;
    }

    private static Batch Create(ReadOnlySpan<int> exampleShape, int count) =>
        new(new Tensor<float>([count, .. exampleShape]), new int[count]);
}
