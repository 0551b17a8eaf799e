using System.Globalization;

namespace Normalization.Benchmarks;

/// <summary>One operation on one shape. <c>Operation</c> and <c>Shape</c> are spelled as in Peers/README.md.</summary>
internal sealed record ComparisonCase(string Operation, string Shape, int Groups = 0)
{
    private static readonly string[] BatchNormShapes =
    [
        "32x64x112x112", "32x256x56x56", "32x512x28x28", "32x1024x14x14", "32x2048x7x7", "8x64x32x32",
        "64x128", "256x1024", "4096x512", "32x64x500", "4x64x16x28x28", "1x3x720x1280", "2x8x512x512", "16x4096x4x4",
    ];

    // Large ones first, then rows of which there are few, then very many short ones, then single rows, then those of no regular size.
    private static readonly string[] RowShapes =
    [
        "8192x768", "4096x1024", "2048x4096", "12608x768", "64x128", "64x512", "256x768", "1024x1024", "256x4096",
        "16384x64", "65536x64", "16384x256", "131072x128", "1x128", "1x768", "1x4096", "1x16384", "8x64x32x32", "4x1000003",
    ];

    private static readonly string[] GroupNormShapes =
        ["2x320x64x64:32", "2x640x32x32:32", "2x1280x16x16:32", "2x256x200x304:32", "8x64x32x32:8", "1x128x128x128:1"];

    private static readonly string[] InstanceNormShapes = ["4x32x256x256", "4x128x64x64", "8x64x32x32"];

    private static readonly string[] LocalResponseShapes = ["32x96x55x55", "32x256x27x27", "8x64x32x32"];

    private static readonly string[] ResidualShapes = ["1x4096", "64x768", "1024x1024", "8192x768", "2048x4096"];

    private static readonly string[] ActivatedShapes = ["32x64x112x112", "32x256x56x56", "32x1024x14x14", "32x2048x7x7", "8x64x32x32"];

    private static readonly string[] SkipShapes = ["32x256x56x56", "32x512x28x28", "32x1024x14x14", "32x2048x7x7", "8x64x32x32"];

    private static readonly string[] ModulatedShapes = ["1x64x768", "32x256x384", "8x256x1152"];

    /// <summary>All cases of the comparison, operation by operation.</summary>
    public static IReadOnlyList<ComparisonCase> All { get; } =
    [
        .. Of("batchnorm-forward", BatchNormShapes), .. Of("batchnorm-backward", BatchNormShapes),
        .. Of("batchnorm-eval", [.. BatchNormShapes, "1x64x32x32"]),
        .. Of("layernorm-forward", RowShapes), .. Of("layernorm-backward", RowShapes),
        .. Of("rmsnorm-forward", RowShapes), .. Of("rmsnorm-backward", RowShapes),
        .. Of("groupnorm-forward", GroupNormShapes), .. Of("groupnorm-backward", GroupNormShapes),
        .. Of("instancenorm-forward", InstanceNormShapes), .. Of("instancenorm-backward", InstanceNormShapes),
        .. Of("localresponse-forward", LocalResponseShapes), .. Of("localresponse-backward", LocalResponseShapes),
        .. Of("add-layernorm-forward", ResidualShapes), .. Of("add-rmsnorm-forward", ResidualShapes),
        .. Of("batchnorm-relu-forward", ActivatedShapes), .. Of("batchnorm-relu-backward", ActivatedShapes),
        .. Of("batchnorm-add-relu-forward", SkipShapes), .. Of("layernorm-modulate-forward", ModulatedShapes),
    ];

    public int[] Dimensions { get; } = [.. Shape.Split('x').Select(d => int.Parse(d, CultureInfo.InvariantCulture))];

    /// <summary>Reads <c>OPERATION:SHAPE</c> or <c>OPERATION:SHAPE:GROUPS</c>.</summary>
    public static ComparisonCase Parse(string text) => text.Split(':') switch
    {
        [var operation, var shape] => new(operation, shape),
        [var operation, var shape, var groups] => new(operation, shape, int.Parse(groups, CultureInfo.InvariantCulture)),
        _ => throw new FormatException($"Expected OPERATION:SHAPE or OPERATION:SHAPE:GROUPS, got {text}."),
    };

    public override string ToString() => Groups == 0 ? $"{Operation} {Shape}" : $"{Operation} {Shape} groups {Groups}";

    private static IEnumerable<ComparisonCase> Of(string operation, string[] shapes) => shapes.Select(s => Parse($"{operation}:{s}"));
}
