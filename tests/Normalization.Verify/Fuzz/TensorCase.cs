using System.Numerics;

namespace Normalization.Verify.Fuzz;

/// <summary>Tensors of right and of absurd shapes.</summary>
internal static class TensorCase<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public static void Run(FuzzRandom random)
    {
        int[] shape = random.Shape(random.Below(5));
        for (int i = 0; i < shape.Length; i++)
        {
            if (random.Chance(0.1))
                shape[i] = random.Of(0, -1, int.MaxValue, int.MinValue, 1 << 16, 1 << 20);
        }
        Int128 product = shape.Aggregate(Int128.One, (length, size) => length * size);
        bool isRight = shape.All(size => size >= 0) && (shape.Contains(0) || product <= Array.MaxLength);
        // Right, but nothing that a test should allocate.
        if (isRight && product > 1 << 16)
            return;
        Tensor<T>? tensor = null;
        if ((isRight ? Outcome.Success : Outcome.Argument).Throws("new Tensor", () => tensor = new(shape)))
            return;
        Tensor<T> created = tensor!;
        FuzzFailure.Require(created.Length == (int)product && created.Shape.SequenceEqual(shape), "new Tensor: another shape than asked for");
        random.Fill(created.Span);
        Index(random, created, shape);
        Reshape(random, created);
        bool isSame = random.Chance(0.5);
        int[] other = isSame ? shape : [.. shape, 1];
        var destination = new Tensor<T>(other);
        (isSame ? Outcome.Success : Outcome.Argument).Throws("CopyTo", () => created.CopyTo(destination));
        FuzzFailure.Require(created.ToString().Length > 0, "ToString: nothing");
    }

    private static void Index(FuzzRandom random, Tensor<T> tensor, int[] shape)
    {
        int[] indices = [.. shape.Select(size => random.Chance(0.1) ? random.Of(-1, size, int.MaxValue) : random.Below(Math.Max(1, size)))];
        if (random.Chance(0.1))
            indices = [.. indices, 0];
        bool isRight = indices.Length == shape.Length && indices.Zip(shape).All(pair => pair.First >= 0 && pair.First < pair.Second);
        (isRight ? Outcome.Success : Outcome.Argument).Throws("indexer", () =>
        {
            int offset = indices.Zip(shape).Aggregate(0, (sum, pair) => (sum * pair.Second) + pair.First);
            FuzzFailure.Require(tensor[indices].Equals(tensor.Span[offset]), "indexer: another element");
        });
    }

    private static void Reshape(FuzzRandom random, Tensor<T> tensor)
    {
        int[] sizes = random.Of<int[]>([tensor.Length], [-1], [1, -1], [-1, 2], [2, -1, 3], [-1, -1], [tensor.Length + 1], [1 << 20, 1 << 20], [-1, 0], [-2, tensor.Length]);
        int unknown = sizes.Count(size => size == -1), others = sizes.Where(size => size != -1).Aggregate(1, (length, size) => unchecked(length * size));
        bool fits = unknown switch
        {
            0 => others == tensor.Length && sizes is not [1 << 20, 1 << 20],
            1 => others > 0 && tensor.Length % others == 0,
            _ => false,
        };
        bool isRight = fits && sizes.All(size => size >= -1);
        (isRight ? Outcome.Success : Outcome.Argument).Throws("Reshape", () => FuzzFailure.Require(
            tensor.Reshape(sizes).Span.Overlaps(tensor.Span) || tensor.Length == 0, "Reshape: another memory"));
    }
}
