namespace Normalization.Verify.State;

/// <summary>Twenty valid files of all kinds, and the model that many of them hold.</summary>
internal static class GoldenFiles
{
    private static readonly float[] s_values = [1, -2, 0.5f, 3, -0.25f, 96];

    private static readonly StoredTensor[] s_model =
    [
        StoredTensor.Single("norm.weight", [3], 1, 2, 3),
        StoredTensor.Single("norm.bias", [3], -1, 0.5f, 0),
        StoredTensor.Single("norm.running_mean", [3], 5, -6, 7),
        StoredTensor.Single("norm.running_var", [3], 0.5f, 2, 0),
        StoredTensor.Whole("norm.num_batches_tracked", [], 1234),
        StoredTensor.Single("encoder.0.norm.weight", [2, 2], 9, 8, 7, 6),
        StoredTensor.Single("encoder.0.norm.bias", [2, 2], 4, 3, 2, 1),
    ];

    private static readonly StoredTensor[] s_doubles =
        [.. s_model.Select(static tensor => tensor.Type == "I64" ? tensor : StoredTensor.Double(tensor.Name, tensor.Shape, [.. tensor.Shape.Length == 2 ? [4, 3, 2, 1] : (double[])[1, 2, 3]]))];

    private static readonly StoredTensor[] s_halves =
    [
        StoredTensor.Brain("norm.weight", [3], 1, 2, 3),
        StoredTensor.Half("norm.bias", [3], -1, 0.5f, 0),
        StoredTensor.Brain("norm.running_mean", [3], 5, -6, 7),
        StoredTensor.Half("norm.running_var", [3], 0.5f, 2, 0),
        StoredTensor.Whole("norm.num_batches_tracked", [], 99),
        StoredTensor.Half("encoder.0.norm.weight", [2, 2], 9, 8, 7, 6),
        StoredTensor.Brain("encoder.0.norm.bias", [2, 2], 4, 3, 2, 1),
    ];

    public static StoredFile[] All { get; } =
    [
        StoredFile.Of([]),
        StoredFile.Of([StoredTensor.Single("weight", [3], 1, 2, 3)]),
        StoredFile.Of([StoredTensor.Double("matrix", [2, 3], 1, 2, 3, 4, 5, 1e300)]),
        StoredFile.Of([StoredTensor.Whole("num_batches_tracked", [], long.MaxValue)]),
        StoredFile.Of([StoredTensor.Half("half", [6], s_values)]),
        StoredFile.Of([StoredTensor.Brain("brain", [3, 2], s_values)]),
        StoredFile.Of(s_model),
        StoredFile.Of(s_doubles),
        StoredFile.Of(s_halves),
        StoredFile.Of(s_model, metadata: """{"format":"pt","note":"a \"quoted\" word"}"""),
        StoredFile.Of(s_model, layout: static entries => $"{{\n  {string.Join(",\n\t", entries.Select(static entry => entry.Replace(":", " : ", StringComparison.Ordinal)))}\r\n}}\n"),
        StoredFile.Of(s_model, layout: static entries => $"{{{string.Join(',', entries.Reverse())}}}"),
        StoredFile.Of(s_model, layout: static entries => $"{{{string.Join(',', entries)}}}{new string(' ', 61)}", alignment: 1),
        StoredFile.Of([.. s_model.Where(static tensor => tensor.Type != "I64")]),
        StoredFile.Of([.. s_model, StoredTensor.Single("encoder.0.conv.weight", [1, 1, 1, 2], 1, 2)]),
        StoredFile.Of([StoredTensor.Single("\u03b3 \ud83d\ude00", [1], 1), StoredTensor.Single("", [1], 2), StoredTensor.Single("a\\\"b\\n\\u0000", [1], 3)]),
        StoredFile.Of([StoredTensor.Single("none", [0]), StoredTensor.Single("one", [], 1), StoredTensor.Double("nothing", [2, 0, 3]), StoredTensor.Whole("end", [0])]),
        StoredFile.Of(
        [
            StoredTensor.Zeros("bool", "BOOL", [3], 3), StoredTensor.Zeros("u8", "U8", [2, 2], 4), StoredTensor.Zeros("i32", "I32", [], 4),
            StoredTensor.Zeros("f8", "F8_E4M3", [5], 5), StoredTensor.Zeros("f4", "F4", [2, 3], 3), StoredTensor.Zeros("f6", "F6_E2M3", [4], 3),
            StoredTensor.Zeros("c64", "C64", [1], 8),
        ]),
        StoredFile.Of([StoredTensor.Single("odd", [1], 1), StoredTensor.Double("after", [1], 2)], alignment: 1),
        StoredFile.Of([.. Enumerable.Range(0, 12).Select(static i => StoredTensor.Single($"blocks.{i}.norm.weight", [2], i, -i))]),
    ];

    public static LayerDictionary<float> CreateModel() => new()
    {
        { "norm", new BatchNorm1d<float>(3) },
        { "encoder.0.norm", new LayerNorm<float>([2, 2]) },
    };
}
