namespace Normalization.Tests;

/// <summary>Names and numbers of other frameworks.</summary>
public sealed class StateMappingTests
{
    private static readonly Tensor<float> _one = Tensor<float>.Full([2], 1), _two = Tensor<float>.Full([2], 2), _three = Tensor<float>.Full([2], 3), _four = Tensor<float>.Full([2], 4);

    [Fact]
    public void A_layer_of_Keras_is_loaded_by_its_names()
    {
        StateImport import = StateMapping.Keras.Import(new()
        {
            { "model/batch_norm/gamma:0", _one },
            { "model/batch_norm/beta:0", _two },
            { "model/batch_norm/moving_mean:0", _three },
            { "model/batch_norm/moving_variance:0", _four },
            { "model/dense/kernel:0", _one },
            { "model/dense/bias:0", _one },
        });
        var layer = new BatchNorm1d<float>(2, StateMapping.Keras.BatchNormEpsilon);
        layer.LoadState(import.State.GetSubset("model.batch_norm")).MissingKeys.Should().Equal("num_batches_tracked");
        (layer.Weight!.Value[0], layer.Bias!.Value[0], layer.RunningMean![0], layer.RunningVariance![0]).Should().Be((1, 2, 3, 4));
        import.Converted.Should().HaveCount(4).And.Contain(new KeyValuePair<string, string>("model/batch_norm/gamma:0", "model.batch_norm.weight"));
        import.Ignored.Should().Equal("model/dense/kernel:0", "model/dense/bias:0");
        import.ToString().Should().Be("""
            Keras: 4 values converted, 2 ignored.
              model/batch_norm/gamma:0 -> model.batch_norm.weight
              model/batch_norm/beta:0 -> model.batch_norm.bias
              model/batch_norm/moving_mean:0 -> model.batch_norm.running_mean
              model/batch_norm/moving_variance:0 -> model.batch_norm.running_var
              ignored: model/dense/kernel:0, model/dense/bias:0
              Batch normalization (1 layer) has by default epsilon 0.001 there, and momentum 0.99, which is 0.01 here.
              The running variance there is the biased one; it is taken as it is, so that evaluation computes the same. Before further training, construct the layer with HasBiasedRunningVariance = true.
            """.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Evaluation_computes_what_Keras_computes()
    {
        // y = gamma * (x - moving_mean) / sqrt(moving_variance + 1e-3) + beta, Keras' own formula.
        var layer = new BatchNorm1d<double>(1, StateMapping.Keras.BatchNormEpsilon);
        layer.LoadState(StateMapping.Keras.Import(new()
        {
            { "gamma", Tensor<double>.Full([1], 2) }, { "beta", Tensor<double>.Full([1], 0.5) },
            { "moving_mean", Tensor<double>.Full([1], 3) }, { "moving_variance", Tensor<double>.Full([1], 0.24) },
        }).State);
        layer.Eval();
        layer.Forward(new Tensor<double>([4], 1, 1))[0, 0].Should().BeApproximately((2 / Math.Sqrt(0.241)) + 0.5, 1e-14);
    }

    [Fact]
    public void The_two_collections_of_Flax_become_one_layer()
    {
        StateImport import = StateMapping.Flax.Import(new()
        {
            { "params.encoder.BatchNorm_0.scale", _one },
            { "params/encoder/BatchNorm_0/bias", _two },
            { "batch_stats/encoder/BatchNorm_0/mean", _three },
            { "batch_stats/encoder/BatchNorm_0/var", _four },
            { "params/scale", _one },
            { "params/Dense_0/kernel", _one },
        });
        import.State.Keys.Should().Equal(
            "encoder.BatchNorm_0.weight", "encoder.BatchNorm_0.bias", "encoder.BatchNorm_0.running_mean", "encoder.BatchNorm_0.running_var", "weight");
        import.Ignored.Should().Equal("params/Dense_0/kernel");
        new BatchNorm1d<float>(2).LoadState(import.State.GetSubset("encoder.BatchNorm_0")).IsLoaded.Should().BeTrue();
    }

    [Fact]
    public void Two_keys_that_become_one_are_refused() =>
        FluentActions.Invoking(static () => StateMapping.Keras.Import(new() { { "a/gamma", _one }, { "a.gamma:0", _two } })).Should()
            .Throw<ArgumentException>().WithMessage("a/gamma and a.gamma:0 both become a.weight*");

    [Fact]
    public void Anybodys_names_can_be_mapped()
    {
        var mapping = new StateMapping("Paddle", new Dictionary<string, string> { ["_mean"] = "running_mean", ["_variance"] = "running_var" });
        StateImport import = mapping.Import(new() { { "bn._mean", _one } });
        import.State.Keys.Should().Equal("bn.running_mean");
        import.ToString().Should().Contain("momentum 0.1, which is 0.1 here").And.NotContain("biased");
        FluentActions.Invoking(static () => new StateMapping("x", new Dictionary<string, string> { ["a"] = "gamma" })).Should().Throw<ArgumentException>().WithMessage("*no value gamma*");
        FluentActions.Invoking(static () => new StateMapping("", new Dictionary<string, string>())).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => mapping.Import(null!)).Should().Throw<ArgumentNullException>();
    }

    [Fact]
    public void A_momentum_on_the_old_value_is_the_rest_on_the_new_one()
    {
        MomentumConvention old = MomentumConvention.OnOldValue, present = MomentumConvention.OnNewValue;
        $"{old}, {present}".Should().Be("OnOldValue, OnNewValue");
        old.Convert(0.99).Should().BeApproximately(0.01, 1e-15);
        present.Convert(0.1, old).Should().BeApproximately(0.9, 1e-15);
        old.Convert(0.3, old).Should().Be(0.3);
        present.Convert(0.3).Should().Be(0.3);
        FluentActions.Invoking(() => old.Convert(1.01)).Should().Throw<ArgumentOutOfRangeException>();

        // Keras: moving = 0.75 * moving + 0.25 * batch.
        var layer = new BatchNorm1d<double>(1, momentum: old.Convert(0.75));
        layer.RunningMean!.Fill(8);
        layer.Forward(new Tensor<double>([3, 5], 2, 1));
        layer.RunningMean[0].Should().Be(7);
    }
}
