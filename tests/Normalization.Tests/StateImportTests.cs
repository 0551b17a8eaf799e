namespace Normalization.Tests;

/// <summary>
/// What other frameworks leave to whoever reads their files: numbers instead of names, defaults, and other layers in between.
/// </summary>
public sealed class StateImportTests
{
    private static readonly Tensor<float> _vector = new(3), _matrix = new(2, 3);

    [Fact]
    public void The_defaults_of_Keras_and_Flax_are_those_of_their_sources()
    {
        (StateMapping keras, StateMapping flax) = (StateMapping.Keras, StateMapping.Flax);
        (keras.BatchNormEpsilon, keras.LayerNormEpsilon, keras.GroupNormEpsilon, keras.RmsNormEpsilon)
            .Should().Be((1e-3, 1e-3, 1e-3, 1e-6));
        (flax.BatchNormEpsilon, flax.LayerNormEpsilon, flax.GroupNormEpsilon, flax.RmsNormEpsilon).Should().Be((1e-5, 1e-6, 1e-6, 1e-6));
        (keras.BatchNormMomentum, flax.BatchNormMomentum).Should().Be((0.99, 0.99));
    }

    [Fact]
    public void A_report_speaks_of_the_layers_that_are_there()
    {
        Report(new() { { "dense/kernel", _matrix } }).Should().Be("Keras: 0 values converted, 1 ignored.\n  ignored: dense/kernel");
        Report(new() { { "a/gamma", _vector }, { "a/beta", _vector }, { "b/gamma", _vector }, { "b/beta", _vector } }).Should()
            .Contain("(2 layers)").And.Contain("layer normalization has by default epsilon 0.001 there, group normalization 0.001")
                .And.NotContainAny("Batch", "RMS", "biased");
        Report(new() { { "a/scale", _vector } }).Should().Contain("(1 layer): RMS normalization has by default epsilon 1E-06")
            .And.NotContain("Batch");
        Report(new() { { "a/moving_mean", _vector } }).Should().Contain("Batch normalization (1 layer)").And.Contain("biased")
            .And.NotContain("RMS");

        static string Report(StateDictionary state) => StateMapping.Keras.Import(state).ToString();
    }

    [Fact]
    public void The_numbers_of_Keras_3_become_names_by_the_class_of_the_layer()
    {
        StateImport import = StateMapping.Keras.Import(new()
        {
            { "layers/batch_normalization/vars/1", _vector },
            { "layers/batch_normalization/vars/0", _vector },
            { "layers/batch_normalization/vars/3", _vector },
            { "layers/batch_normalization/vars/2", _vector },
            { "layers/batch_normalization_12/vars/0", _vector },
            { "layers/batch_normalization_12/vars/1", _vector },
            { "layers/functional/layers/layer_normalization/vars/0", _matrix },
            { "layers/functional/layers/layer_normalization/vars/1", _matrix },
            { "layers/rms_normalization_1/vars/0", _vector },
            { "head/vars/0", _vector },
            { "head/vars/1", _vector },
            { "layers/dense/vars/0", _matrix },
            { "layers/dense/vars/1", _vector },
            { "optimizer/vars/0", 7 },
        });
        import.Converted.Select(static pair => pair.Value).Should().Equal(
            "layers.batch_normalization.bias", "layers.batch_normalization.weight",
            "layers.batch_normalization.running_var", "layers.batch_normalization.running_mean",
            "layers.batch_normalization_12.running_mean", "layers.batch_normalization_12.running_var",
            "layers.functional.layers.layer_normalization.weight", "layers.functional.layers.layer_normalization.bias",
            "layers.rms_normalization_1.weight", "head.weight", "head.bias");
        import.Ignored.Should().Equal("layers/dense/vars/0", "layers/dense/vars/1", "optimizer/vars/0");
        new BatchNorm1d<float>(3).LoadState(import.State.GetSubset("layers.batch_normalization")).IsLoaded.Should().BeTrue();
    }

    [Fact]
    public void Numbers_that_may_mean_either_of_two_values_are_ignored_and_named()
    {
        StateImport import = StateMapping.Keras.Import(new()
        {
            { "layers/batch_normalization/vars/0", _vector },
            { "layers/batch_normalization/vars/1", _vector },
            { "layers/batch_normalization/vars/2", _vector },
            { "layers/layer_normalization/vars/0", _vector },
            { "layers/group_normalization/vars/0", _vector },
            { "layers/group_normalization/vars/2", _vector },
        });
        import.State.Should().BeEmpty();
        import.ToString().Should().Contain("layers/batch_normalization: the file does not say which")
            .And.Contain("layers/layer_normalization: the file does not say which")
                .And.Contain("layers/group_normalization: the file does not say");
        StateMapping.Flax.Import(new() { { "layers/rms_normalization/vars/0", _vector } }).Ignored.Should().HaveCount(1);
    }

    [Fact]
    public void The_bias_of_a_dense_layer_is_not_taken_for_that_of_a_norm()
    {
        StateImport import = StateMapping.Flax.Import(new()
        {
            { "params/Dense_0/kernel", _matrix },
            { "params/Dense_0/bias", _vector },
            { "params/LayerNorm_0/scale", _vector },
            { "params/LayerNorm_0/bias", _vector },
        });
        import.State.Keys.Should().Equal("LayerNorm_0.weight", "LayerNorm_0.bias");
        import.Ignored.Should().Equal("params/Dense_0/kernel", "params/Dense_0/bias");
        import.ToString().Should().Contain("(1 layer)").And.Contain("epsilon 1E-06");
    }
}
