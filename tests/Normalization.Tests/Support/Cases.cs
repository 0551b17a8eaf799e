namespace Normalization.Tests;

/// <summary>The shapes and options that the tests go through, by name.</summary>
internal static class Cases
{
    private static readonly Dictionary<string, Case> _all = PyTorch().Concat(Thresholds()).ToDictionary(static item => item.ToString());

    public static Case Named(string name) => _all[name];

    public static TheoryData<string> All() => Names(_all.Values);

    public static TheoryData<string> Matrix() => Names(PyTorch());

    /// <summary>Those small enough for numerical derivatives by every element.</summary>
    public static TheoryData<string> Small() => Names(_all.Values.Where(static item =>
        item.Length is > 0 and <= 800 && item.Length > item.GroupCount(hasFixedStatistics: false)));

    /// <summary>Those whose evaluation may differ from training, and all of PyTorch's.</summary>
    public static TheoryData<string> Evaluation() => Names(PyTorch().Concat(Thresholds().Where(static item => item.Track)));

    public static TheoryData<string> NotEmpty() => Names(_all.Values.Where(static item => item.Length > 0));

    public static TheoryData<string> Tracking() => Names(PyTorch().Where(static item => item is { Track: true, Length: > 0 }));

    /// <summary>One small and one parallel shape of every layer and every way through the kernels.</summary>
    public static TheoryData<string> Representative() => Names(_all.Values.Where(static item =>
        item.Affine && item.Length > 0
        && (item.Length > 60_000 || (item.Track && item.Momentum == 0.1) || item.Kind is not (Kind.Batch or Kind.Instance))));

    private static TheoryData<string> Names(IEnumerable<Case> cases) => [.. cases.Select(static item => item.ToString())];

    /// <summary>The shapes and options of PyTorch's own tests.</summary>
    private static IEnumerable<Case> PyTorch()
    {
        int[][] batch = [[4, 10], [4, 5, 3], [2, 3, 6, 6], [2, 3, 4, 4, 4], [0, 5, 9], [0, 5, 2, 2], [0, 5, 2, 2, 2]];
        foreach (int[] shape in batch)
        {
            var item = new Case(Kind.Batch, shape) { Track = true };
            foreach (Case option in (Case[])[item, item with { Affine = false }, item with { Track = false }, item with { Momentum = null }])
                yield return option;
            yield return item with { Momentum = 0 };
            yield return item with { Momentum = 1 };
            yield return item with { Affine = false, Track = false };
        }

        int[][] instance = [[4, 3, 15], [4, 3, 6, 6], [4, 3, 4, 4, 4], [4, 3, 2, 2, 2, 3], [0, 3, 4]];
        foreach (bool affine in (bool[])[true, false])
        {
            foreach (bool track in (bool[])[true, false])
            {
                foreach (int[] shape in instance)
                    yield return new Case(Kind.Instance, shape) { Affine = affine, Track = track };
                foreach (int[] shape in instance[..3])
                    yield return new Case(Kind.Instance, shape[1..]) { Affine = affine, Track = track, IsUnbatched = true };
            }
        }
        yield return new Case(Kind.Instance, 4, 3, 15) { Track = true, Momentum = null };

        (int Rank, int[] Shape)[] rows = [(1, [4, 5, 5]), (1, [128, 5, 5]), (1, [0, 5]), (3, [4, 2, 2, 5]), (3, [1, 2, 3])];
        foreach ((int rank, int[] shape) in rows)
        {
            var item = new Case(Kind.Layer, shape) { NormalizedRank = rank };
            yield return item;
            yield return item with { Affine = false };
            yield return item with { Bias = false };
            yield return new Case(Kind.Rms, shape) { NormalizedRank = rank };
            yield return new Case(Kind.Rms, shape) { NormalizedRank = rank, Affine = false, Epsilon = 0 };
        }

        (int Groups, int[] Shape)[] groups =
        [
            (3, [4, 6, 5]), (3, [4, 12]), (1, [150, 6]), (5, [4, 5, 5]), (1, [4, 10]), (3, [4, 6, 2, 3]), (3, [4, 3, 2, 3]),
            (1, [4, 3, 2, 3]), (3, [0, 6, 5]),
        ];
        foreach ((int count, int[] shape) in groups)
        {
            yield return new Case(Kind.Group, shape) { Groups = count };
            yield return new Case(Kind.Group, shape) { Groups = count, Affine = false };
        }
    }

    /// <summary>Sizes about those at which a kernel may work in another way, and sizes worth several threads.</summary>
    private static IEnumerable<Case> Thresholds()
    {
        int[][] batch =
        [
            [67, 19], [9, 1100], [4096, 37], [5, 3, 1], [3, 5, 7, 7], [3, 5, 63], [3, 5, 64], [3, 5, 65], [8, 33, 7, 7], [2, 3, 14, 14],
            [8, 67, 14, 14], [2, 3, 9001], [37, 3, 300], [1, 2, 40_001], [150, 33, 4, 4], [2, 600, 7, 7],
        ];
        foreach (int[] shape in batch)
            yield return new Case(Kind.Batch, shape) { Track = true };
        yield return new Case(Kind.Batch, 70, 33, 31) { Affine = false };

        int[][] instance = [[5, 3, 7, 7], [3, 5, 63], [3, 5, 65], [6, 61, 14, 14], [2, 2, 20_011], [1, 3, 8193]];
        foreach (int[] shape in instance)
            yield return new Case(Kind.Instance, shape) { Track = true };
        yield return new Case(Kind.Instance, 6, 61, 14, 14) { Affine = false };

        (int Groups, int[] Shape)[] groups =
        [
            (3, [5, 12, 1]), (2, [5, 6, 15]), (2, [5, 6, 16]), (2, [5, 6, 17]), (4, [3, 64, 7, 7]), (2, [2, 4, 9001]), (1, [4, 10, 3001]),
            (32, [6, 64, 14, 14]), (2, [5, 40_002]), (5, [1, 5, 20_001]), (7, [3200, 7, 3]), (2, [2000, 10, 5]), (12, [5, 12]),
        ];
        foreach ((int count, int[] shape) in groups)
            yield return new Case(Kind.Group, shape) { Groups = count };
        yield return new Case(Kind.Group, 3, 10, 3001) { Groups = 2, Affine = false };

        int[][] rows = [[7, 1], [3, 20_001], [100, 773], [14_011, 5], [1, 66_001], [5, 16_385], [2, 16_383], [3, 8200]];
        foreach (int[] shape in rows)
        {
            yield return new Case(Kind.Layer, shape);
            yield return new Case(Kind.Rms, shape) { Epsilon = 1e-6 };
        }
        yield return new Case(Kind.Layer, 5, 16_385) { Affine = false };
        yield return new Case(Kind.Layer, 100, 773) { Bias = false };
        yield return new Case(Kind.Rms, 100, 773) { Affine = false };
    }
}
