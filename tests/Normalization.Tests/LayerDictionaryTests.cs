namespace Normalization.Tests;

/// <summary>The layers of a whole model, by PyTorch's prefixes.</summary>
public sealed class LayerDictionaryTests
{
    [Fact]
    public void A_whole_model_is_saved_and_loaded_to_the_last_bit()
    {
        using var folder = new TemporaryFolder();
        LayerDictionary<float> model = Model(), other = Model();
        model["encoder.0.norm"].Forward(Tensor<float>.RandomNormal([4, 3, 2, 2], 1));
        model["encoder.1.norm"].Weight!.Value.Fill(7);
        model.Save(folder["model.safetensors"]);
        StateBytes.Of(other.GetState()).Should().NotEqual(StateBytes.Of(model.GetState()));
        StateReport report = other.Load(folder["model.safetensors"]);
        (report.IsLoaded, report.MissingKeys.Count, report.UnexpectedKeys.Count).Should().Be((true, 0, 0));
        StateBytes.Of(other.GetState()).Should().Equal(StateBytes.Of(model.GetState()));
        other.GetState().Keys.Should().Equal(
            "encoder.0.norm.weight", "encoder.0.norm.bias", "encoder.0.norm.running_mean", "encoder.0.norm.running_var",
            "encoder.0.norm.num_batches_tracked", "encoder.1.norm.weight", "encoder.1.norm.bias", "head.norm.weight");
    }

    /// <summary>The header of a file is longer than 1 MiB where a model has very many layers, or very long names.</summary>
    [Fact]
    public void Whatever_is_saved_can_be_loaded_however_long_its_header_is()
    {
        using var folder = new TemporaryFolder();
        string prefix = new('n', SafeTensorsFile.DefaultHeaderLimit);
        LayerDictionary<float> model = new() { { prefix, new RmsNorm<float>(2) } }, other = new() { { prefix, new RmsNorm<float>(2) } };
        model[prefix].Weight!.Value.Fill(7);
        model.Save(folder["model"]);
        other.Load(folder["model"]).IsLoaded.Should().BeTrue();
        other[prefix].Weight!.Value.Span.ToArray().Should().Equal(7, 7);
    }

    [Fact]
    public void Keys_of_other_layers_are_ignored_and_unexpected_ones_at_a_prefix_are_not()
    {
        LayerDictionary<float> model = Model();
        StateDictionary state = model.GetState();
        state.Add("encoder.0.conv.weight", Tensor<float>.Full([3, 3, 1, 1], 1));
        state.Add("encoder.0.normal.weight", 1);
        StateReport report = model.LoadState(state);
        (report.IsLoaded, report.UnexpectedKeys.Count).Should().Be((true, 0));
        state.Add("encoder.1.norm.running_mean", Tensor<float>.Full([4], 1));
        Refuse(model, state, "*unexpected keys: encoder.1.norm.running_mean*");
        model.LoadState(state, strict: false).UnexpectedKeys.Should().Equal("encoder.1.norm.running_mean");
    }

    [Fact]
    public void One_wrong_value_in_the_last_layer_leaves_the_first_one_alone()
    {
        LayerDictionary<float> model = Model();
        StateDictionary state = [];
        foreach ((string key, StateValue value) in model.GetState())
            state.Add(key, key == "head.norm.weight" ? Tensor<float>.Full([9], 1) : value.ElementType == "I64" ? 99 : Tensor<float>.Full([.. value.Shape.ToArray().Select(static size => (int)size)], 5));
        Refuse(model, state, "*head.norm.weight: expected shape [4], got [9]*");
    }

    [Fact]
    public void A_missing_layer_is_named_by_all_its_keys()
    {
        LayerDictionary<float> model = Model();
        Refuse(model, model["encoder.1.norm"].GetState(), "*missing keys: encoder.0.norm.weight, *, head.norm.weight*");
    }

    [Fact]
    public void A_layer_at_two_prefixes_is_saved_at_both()
    {
        var shared = new RmsNorm<float>(2);
        var model = new LayerDictionary<float> { { "first", shared }, { "second", shared } };
        model.GetState().Keys.Should().Equal("first.weight", "second.weight");
        model.LoadState(new() { { "first.weight", new Tensor<float>([1, 2], 2) }, { "second.weight", new Tensor<float>([3, 4], 2) } });
        shared.Weight!.Value.Span.ToArray().Should().Equal(3, 4);
    }

    [Fact]
    public void A_prefix_is_named_once_and_without_its_dot()
    {
        LayerDictionary<float> model = Model();
        var layer = new RmsNorm<float>(2);
        FluentActions.Invoking(() => model.Add("head.norm", layer)).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => model.Add("other.", layer)).Should().Throw<ArgumentException>().WithMessage("*without the dot*");
        FluentActions.Invoking(() => model.Add("", layer)).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => model.Add("other", null!)).Should().Throw<ArgumentNullException>();
        (model.Count, model.ContainsKey("head.norm"), model.TryGetValue("head", out _)).Should().Be((3, true, false));
        model.Keys.Should().Equal("encoder.0.norm", "encoder.1.norm", "head.norm");
        model.Values.Should().Equal(model.Select(static pair => pair.Value));
    }

    private static LayerDictionary<float> Model() => new()
    {
        { "encoder.0.norm", new BatchNorm2d<float>(3) },
        { "encoder.1.norm", new GroupNorm<float>(2, 4) },
        { "head.norm", new RmsNorm<float>(4) },
    };

    private static void Refuse(LayerDictionary<float> model, StateDictionary state, string message)
    {
        byte[] before = StateBytes.Of(model.GetState());
        FluentActions.Invoking(() => model.LoadState(state)).Should().Throw<ArgumentException>().WithMessage(message);
        StateBytes.Of(model.GetState()).Should().Equal(before);
    }
}
