using BenchmarkDotNet.Attributes;

namespace Normalization.Benchmarks;

/// <summary>Forward and backward of one layer on the shapes of well-known models, beside the same forward composed of TensorPrimitives.</summary>
[MemoryDiagnoser]
public abstract class LayerBenchmarks
{
    private Action _composed = null!;
    private Action _forward = null!;
    private Action _backward = null!;
    private Action _forwardInDouble = null!;
    private Action _backwardInDouble = null!;

    /// <summary>Gets the name of the layer as in Peers/README.md.</summary>
    protected abstract string Layer { get; }

    [Benchmark(Baseline = true)]
    public void TensorPrimitives() => _composed();

    [Benchmark]
    public void Forward() => _forward();

    [Benchmark]
    public void Backward() => _backward();

    [Benchmark]
    public void ForwardInDouble() => _forwardInDouble();

    [Benchmark]
    public void BackwardInDouble() => _backwardInDouble();

    /// <summary>Prepares all of them on one shape, for example <c>32x64x112x112</c>, or <c>2x320x64x64:32</c> with 32 groups.</summary>
    protected void Prepare(string shape)
    {
        ComparisonCase item = ComparisonCase.Parse($"{Layer}-forward:{shape}");
        _composed = Of(new TensorPrimitivesContender(), "forward");
        _forward = Of(new NormalizationContender<float>("plain"), "forward");
        _backward = Of(new NormalizationContender<float>("plain"), "backward");
        _forwardInDouble = Of(new NormalizationContender<double>("double"), "forward");
        _backwardInDouble = Of(new NormalizationContender<double>("double"), "backward");

        Action Of(IContender contender, string direction) =>
            contender.Prepare($"{Layer}-{direction}", item.Dimensions, item.Groups, Environment.ProcessorCount)!;
    }
}

public class BatchNormBenchmarks : LayerBenchmarks
{
    /// <summary>Gets or sets the shape: ResNet-50's first, third and last stage, a small image, a multilayer perceptron.</summary>
    [Params("32x64x112x112", "32x512x28x28", "32x2048x7x7", "8x64x32x32", "256x1024")]
    public string Shape { get; set; } = "";

    protected override string Layer => "batchnorm";

    [GlobalSetup]
    public void Setup() => Prepare(Shape);
}

public class LayerNormBenchmarks : LayerBenchmarks
{
    /// <summary>Gets or sets the shape: BERT-base, GPT-2 medium, ViT-B/16, a small table, one token.</summary>
    [Params("8192x768", "4096x1024", "12608x768", "64x128", "1x768")]
    public string Shape { get; set; } = "";

    protected override string Layer => "layernorm";

    [GlobalSetup]
    public void Setup() => Prepare(Shape);
}

public class RmsNormBenchmarks : LayerBenchmarks
{
    /// <summary>Gets or sets the shape: a language model's prompt of 2,048 tokens, and one token.</summary>
    [Params("2048x4096", "1x4096")]
    public string Shape { get; set; } = "";

    protected override string Layer => "rmsnorm";

    [GlobalSetup]
    public void Setup() => Prepare(Shape);
}

public class GroupNormBenchmarks : LayerBenchmarks
{
    /// <summary>Gets or sets the shape and the groups: three stages of Stable Diffusion's network, Mask R-CNN's feature map.</summary>
    [Params("2x320x64x64:32", "2x640x32x32:32", "2x1280x16x16:32", "2x256x200x304:32")]
    public string Shape { get; set; } = "";

    protected override string Layer => "groupnorm";

    [GlobalSetup]
    public void Setup() => Prepare(Shape);
}

public class InstanceNormBenchmarks : LayerBenchmarks
{
    /// <summary>Gets or sets the shape: two stages of a style-transfer network.</summary>
    [Params("4x32x256x256", "4x128x64x64")]
    public string Shape { get; set; } = "";

    protected override string Layer => "instancenorm";

    [GlobalSetup]
    public void Setup() => Prepare(Shape);
}
