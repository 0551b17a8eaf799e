using Normalization;

namespace Examples;

/// <summary>The examples of the layers.</summary>
internal static class LayerExamples
{
    public static void BatchNorm1d()
    {
        // begin-sample batch-norm1d
        var norm = new BatchNorm1d<float>(2);
        Tensor<float> y = norm.Forward(new([1, 10, 3, 30], 2, 2));  // training: the statistics of the batch
        norm.Eval();
        Tensor<float> z = norm.Forward(new([1, 10], 1, 2));         // evaluation: the running statistics
        // end-sample
        y[0, 0].Should().BeApproximately(-1, 1e-4f);
        z[0, 1].Should().BeLessThan(10);
    }

    public static void BatchNorm2d()
    {
        // begin-sample batch-norm2d
        var norm = new BatchNorm2d<float>(3);
        var images = Tensor<float>.RandomNormal([8, 3, 16, 16], seed: 1, mean: 5);
        Tensor<float> y = norm.Forward(images);
        Tensor<float> imageGradient = norm.Backward(y);  // the gradient of Σ y² / 2
        // end-sample
        y.Span.ToArray().Average().Should().BeApproximately(0, 1e-4f);
        imageGradient.Shape.ToArray().Should().Equal(8, 3, 16, 16);
    }

    public static void BatchNorm3d()
    {
        // begin-sample batch-norm3d
        var norm = new BatchNorm3d<double>(4, momentum: null);  // the running statistics are the average of all batches
        var volumes = Tensor<double>.RandomNormal([2, 4, 6, 8, 8], seed: 1, mean: 3);
        norm.Forward(volumes);
        Console.WriteLine(norm.RunningMean);
        // end-sample
        norm.RunningMean![0].Should().BeApproximately(3, 0.2);
    }

    public static void InstanceNorm()
    {
        // begin-sample instance-norm
        var norm = new InstanceNorm<float>(3);
        Tensor<float> y = norm.Forward(Tensor<float>.RandomNormal([2, 3, 8, 8, 8, 8], seed: 1, mean: 5));
        // end-sample
        y.Span[..4096].ToArray().Average().Should().BeApproximately(0, 1e-4f);
    }

    public static void InstanceNorm1d()
    {
        // begin-sample instance-norm1d
        var norm = new InstanceNorm1d<float>(2);
        Tensor<float> y = norm.Forward(new([1, 3, 10, 30], 2, 2));  // one sample [C, L]: each row is a channel
        // end-sample
        y[1, 1].Should().BeApproximately(1, 1e-4f);
    }

    public static void InstanceNorm2d()
    {
        // begin-sample instance-norm2d
        var norm = new InstanceNorm2d<float>(3, affine: true);
        var images = Tensor<float>.RandomNormal([4, 3, 16, 16], seed: 1, mean: 5);
        Tensor<float> y = norm.Forward(images);  // each channel of each image has mean 0 and variance 1
        // end-sample
        y.Span[..256].ToArray().Average().Should().BeApproximately(0, 1e-4f);
    }

    public static void InstanceNorm3d()
    {
        // begin-sample instance-norm3d
        var norm = new InstanceNorm3d<float>(2);
        var volumes = Tensor<float>.RandomNormal([2, 2, 4, 8, 8], seed: 1, mean: 5);
        Tensor<float> y = norm.Forward(volumes);
        // end-sample
        y.Span[..256].ToArray().Average().Should().BeApproximately(0, 1e-4f);
    }

    public static void GroupNorm()
    {
        // begin-sample group-norm
        var norm = new GroupNorm<float>(numGroups: 4, numChannels: 32);
        var images = Tensor<float>.RandomNormal([2, 32, 8, 8], seed: 1, mean: 5);
        Tensor<float> y = norm.Forward(images);  // 8 neighboring channels of one image share mean and variance
        // end-sample
        y.Span[..512].ToArray().Average().Should().BeApproximately(0, 1e-4f);
    }

    public static void LayerNorm()
    {
        // begin-sample layer-norm
        var norm = new LayerNorm<float>(64);
        var tokens = Tensor<float>.RandomNormal([2, 10, 64], seed: 1, mean: 5);
        Tensor<float> y = norm.Forward(tokens);  // each of the 20 tokens has mean 0 and variance 1
        Tensor<float> tokenGradient = norm.Backward(y);
        // end-sample
        y.Span[..64].ToArray().Average().Should().BeApproximately(0, 1e-4f);
        tokenGradient.Shape.ToArray().Should().Equal(2, 10, 64);
    }

    public static void RmsNorm()
    {
        // begin-sample rms-norm
        var norm = new RmsNorm<float>(2, epsilon: 1e-6);
        Tensor<float> y = norm.Forward(new([3, 4], 1, 2));  // 3 and 4, divided by √((9 + 16) / 2)
        // end-sample
        y[0, 0].Should().BeApproximately(3 / MathF.Sqrt(12.5f), 1e-6f);
    }

    public static void FoldBatchNorm()
    {
        // begin-sample fold-batch-norm
        Tensor<float> weight = Tensor<float>.RandomNormal([16, 8], seed: 1), bias = new(16);  // y = x · Wᵀ + b
        var norm = new BatchNorm1d<float>(16);
        norm.Eval();
        (Tensor<float> foldedWeight, Tensor<float> foldedBias) = BatchNormFolding.IntoLinear(weight, bias, norm);
        // end-sample
        foldedWeight.Shape.ToArray().Should().Equal(16, 8);
        foldedBias.Shape.ToArray().Should().Equal(16);
    }

    public static void OfParameter()
    {
        // begin-sample of-parameter
        var norm = new LayerNorm<float>(4);
        Tensor<float> y = norm.Forward(Tensor<float>.RandomNormal([8, 4], seed: 1));
        norm.ZeroGradients();
        norm.Backward(y);
        foreach (Parameter<float> parameter in norm.Parameters)
        {
            for (int i = 0; i < parameter.Value.Length; i++)
                parameter.Value.Span[i] -= 0.1f * parameter.Gradient.Span[i];
        }
        // end-sample
        norm.Weight!.Value[0].Should().NotBe(1);
    }

    public static void OfForwardContext()
    {
        // begin-sample of-forward-context
        var norm = new RmsNorm<float>(4);
        ForwardContext<float> first = new(), second = new();
        Tensor<float> x1 = Tensor<float>.RandomNormal([8, 4], seed: 1), y1 = new(8, 4);
        Tensor<float> x2 = Tensor<float>.RandomNormal([8, 4], seed: 2), y2 = new(8, 4);
        norm.Forward(x1, y1, first);
        norm.Forward(x2, y2, second);
        norm.Backward(y2, y2, second);  // the gradient of γ adds up over both uses
        norm.Backward(y1, y1, first);
        // end-sample
        first.GroupCount.Should().Be(8);
        first.Input.Should().BeSameAs(x1);
    }

    public static void OfRecomputation()
    {
        // begin-sample of-recomputation
        var norm = new BatchNorm1d<float>(4);
        Tensor<float> x = Tensor<float>.RandomNormal([8, 4], seed: 1), y = new(8, 4), dx = new(8, 4);
        var context = new ForwardContext<float>();
        norm.Forward(x, y, context);
        context.ReleaseInput();              // the input need not stay in memory until the backward pass

        context.IsRecomputation = true;      // the same values once more: the running statistics do not move again
        norm.Forward(Tensor<float>.RandomNormal([8, 4], seed: 1), y, context);
        norm.Backward(y, dx, context);
        context.IsRecomputation = false;
        // end-sample
        norm.BatchesTracked.Should().Be(1);
        dx.Span.ToArray().Should().Contain(static value => value != 0);
    }

    public static void BiasedVariance()
    {
        // begin-sample biased-variance
        var norm = new BatchNorm2d<float>(64, epsilon: 1e-3, momentum: 0.01) { HasBiasedRunningVariance = true };  // as in Keras
        // end-sample
        norm.HasBiasedRunningVariance.Should().BeTrue();
    }

    public static void OfVirtualBatches()
    {
        // begin-sample of-virtual-batches
        var norm = new BatchNorm2d<float>(16) { VirtualBatchSize = 32 };
        norm.Forward(Tensor<float>.RandomNormal([70, 16, 4, 4], seed: 1));  // statistics of the first 32 images and of the other 38
        // end-sample
        norm.BatchesTracked.Should().Be(2);
    }

    public static void OfChannelsLast()
    {
        // begin-sample of-channels-last
        var norm = new BatchNorm2d<float>(64) { ChannelAxis = ChannelAxis.Last };  // images as [N, H, W, 64]
        // end-sample
        norm.Forward(Tensor<float>.RandomNormal([2, 3, 5, 64], seed: 1)).Shape.ToArray().Should().Equal(2, 3, 5, 64);
    }

    public static void OfGroupsChannelsLast()
    {
        // begin-sample of-groups-channels-last
        var norm = new GroupNorm<float>(8, 64) { ChannelAxis = ChannelAxis.Last };  // images as [N, H, W, 64]
        // end-sample
        norm.Forward(Tensor<float>.RandomNormal([2, 3, 5, 64], seed: 1)).Shape.ToArray().Should().Equal(2, 3, 5, 64);
    }

    public static void OfLayerNormChannels()
    {
        // begin-sample of-layer-norm-channels
        var norm = new LayerNorm<float>(64) { ChannelAxis = ChannelAxis.First };
        Tensor<float> y = norm.Forward(Tensor<float>.RandomNormal([2, 64, 8, 8], seed: 1));  // each of the 128 pixels by itself
        // end-sample
        Enumerable.Range(0, 64).Average(channel => y[1, channel, 2, 3]).Should().BeApproximately(0, 1e-4f);
    }

    public static void OfRmsNormChannels()
    {
        // begin-sample of-rms-norm-channels
        var norm = new RmsNorm<float>(64) { ChannelAxis = ChannelAxis.First };
        Tensor<float> y = norm.Forward(Tensor<float>.RandomNormal([2, 64, 8, 8], seed: 1));  // each of the 128 pixels by itself
        // end-sample
        Enumerable.Range(0, 64).Average(channel => y[1, channel, 2, 3] * y[1, channel, 2, 3]).Should().BeApproximately(1, 1e-4f);
    }

    public static void OfMicroBatches()
    {
        // begin-sample of-micro-batches
        var norm = new BatchNorm1d<float>(4);
        var batch = new MicroBatches<float>(norm);
        Tensor<float>[] inputs = [Tensor<float>.RandomNormal([8, 4], seed: 1), Tensor<float>.RandomNormal([8, 4], seed: 2)];
        Tensor<float>[] outputs = [new(8, 4), new(8, 4)];
        ForwardContext<float>[] contexts = [new() { MicroBatches = batch }, new() { MicroBatches = batch }];
        foreach (Tensor<float> input in inputs)
            batch.Observe(input);
        for (int i = 0; i < 2; i++)
            norm.Forward(inputs[i], outputs[i], contexts[i]);

        for (int i = 0; i < 2; i++)
            batch.ObserveGradient(outputs[i], contexts[i]);
        for (int i = 0; i < 2; i++)
            norm.Backward(outputs[i], outputs[i], contexts[i]);
        // end-sample
        norm.BatchesTracked.Should().Be(1);
    }
}
