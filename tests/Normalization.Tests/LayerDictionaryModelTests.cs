using System.Text;

namespace Normalization.Tests;

/// <summary>A dictionary of layers as a model: modes, gradients, ranks, and files whose keys have one more prefix.</summary>
public sealed class LayerDictionaryModelTests
{
    [Fact]
    public void One_call_switches_all_layers()
    {
        LayerDictionary<float> model = Model();
        model.Eval();
        model.Values.Should().OnlyContain(static layer => !layer.IsTraining);
        model.Train();
        model.Values.Should().OnlyContain(static layer => layer.IsTraining);
    }

    [Fact]
    public void The_parameters_of_a_layer_at_two_prefixes_are_listed_once()
    {
        LayerDictionary<float> model = Model();
        var shared = new RmsNorm<float>(2);
        model.Add("first", shared);
        model.Add("second", shared);
        model.Parameters.Should().Equal(
            [.. model["encoder.norm"].Parameters, .. model["head.norm"].Parameters, shared.Weight!], "an optimizer must not step twice");
    }

    [Fact]
    public void Gradients_of_all_layers_are_cleared_and_values_stay()
    {
        LayerDictionary<float> model = Model();
        foreach (Parameter<float> parameter in model.Parameters)
            parameter.Gradient.Fill(3);
        model.ZeroGradients();
        model.Parameters.SelectMany(static parameter => parameter.Gradient.Span.ToArray()).Should().OnlyContain(static value => value == 0);
        model["encoder.norm"].Weight!.Value[0].Should().Be(1);
    }

    [Fact]
    public void Synchronize_reaches_every_BatchNorm_and_ends_with_null() =>
        InMemoryCollective.Run(2, static ranks =>
        {
            LayerDictionary<float> model = Model();
            model.Synchronize(ranks);
            BatchNorm<float> norm = model.Values.OfType<BatchNorm<float>>().Single();
            norm.IsSynchronized.Should().BeTrue();
            norm.Forward(Tensor<float>.Full([1, 3], ranks.Rank));
            norm.RunningMean![0].Should().BeApproximately(0.05f, 1e-7f, "half of the batch is 0 and half is 1");
            model.Synchronize(null);
            norm.IsSynchronized.Should().BeFalse();
        });

    [Fact]
    public void Ranks_whose_last_layers_differ_leave_the_first_ones_as_they_were() =>
        InMemoryCollective.Run(2, static ranks =>
        {
            var first = new BatchNorm1d<float>(3);
            var model = new LayerDictionary<float> { { "first", first }, { "last", new BatchNorm1d<float>(4 + ranks.Rank) } };
            FluentActions.Invoking(() => model.Synchronize(ranks)).Should().Throw<CollectiveException>();
            first.IsSynchronized.Should().BeFalse();
        });

    [Theory]
    [InlineData("module")]
    [InlineData("module.")]
    [InlineData("model.module")]
    public void A_file_with_one_more_prefix_is_loaded_with_it_and_without_it_the_error_names_it(string prefix)
    {
        using var folder = new TemporaryFolder();
        LayerDictionary<float> model = Model();
        string dotted = prefix.TrimEnd('.') + ".";
        SafeTensorsFile.Save(folder["model"], Prefixed(dotted));
        byte[] before = StateBytes.Of(model.GetState());
        FluentActions.Invoking(() => model.Load(folder["model"], headerLimit: SafeTensorsFile.DefaultHeaderLimit)).Should().Throw<ArgumentException>()
            .WithMessage($"*are there with the prefix {dotted}*");
        StateBytes.Of(model.GetState()).Should().Equal(before);
        StateReport report = model.Load(folder["model"], prefix);
        (report.IsLoaded, report.MissingKeys.Count, report.UnexpectedKeys.Count, report.SuggestedPrefix).Should().Be((true, 0, 0, null));
        model["head.norm"].Weight!.Value[0].Should().Be(7);
    }

    [Fact]
    public void A_prefix_too_much_is_named_too()
    {
        LayerDictionary<float> model = Model();
        FluentActions.Invoking(() => model.LoadState(Prefixed(""), "module")).Should().Throw<ArgumentException>()
            .WithMessage("*missing keys: module.encoder.norm.weight*are there without a prefix*");
        StateReport report = model.LoadState(Prefixed(""), "module", strict: false);
        (report.SuggestedPrefix, report.MissingKeys.Count).Should().Be(("", 6));
    }

    [Fact]
    public void The_prefix_with_the_most_keys_is_suggested_and_none_where_the_present_one_is_the_best()
    {
        StateDictionary state = Prefixed("student.");
        state.Add("teacher.head.norm.weight", Tensor<float>.Full([4], 1));
        LayerDictionary<float> model = Model();
        model.LoadState(state, strict: false).SuggestedPrefix.Should().Be("student.");
        state = model["head.norm"].GetState();
        model.LoadState(new() { { "head.norm.weight", state["weight"] }, { "other.head.norm.weight", state["weight"] } }, strict: false)
            .SuggestedPrefix.Should().BeNull();
    }

    [Fact]
    public void A_key_at_a_layer_is_unexpected_under_the_prefix_alone()
    {
        StateDictionary state = Prefixed("module.");
        state.Add("module.head.norm.bias", Tensor<float>.Full([4], 1));
        state.Add("head.norm.bias", Tensor<float>.Full([4], 1));
        Model().LoadState(state, "module", strict: false).UnexpectedKeys.Should().Equal("module.head.norm.bias");
    }

    [Fact]
    public void A_key_of_a_million_dots_takes_no_time_to_search()
    {
        StateDictionary state = new() { { new string('.', 1_000_000) + "head.norm.weight", Tensor<float>.Full([4], 1) } };
        Model().LoadState(state, strict: false).SuggestedPrefix.Should().HaveLength(1_000_000);
    }

    [Fact]
    public void A_long_header_is_loaded_unless_a_lower_limit_is_asked_for()
    {
        using var folder = new TemporaryFolder();
        LayerDictionary<float> model = Model();
        byte[] bytes = StateBytes.Of(Prefixed(""));
        int length = (int)BitConverter.ToInt64(bytes);
        string header = Encoding.UTF8.GetString(bytes, 8, length) + new string(' ', SafeTensorsFile.DefaultHeaderLimit);
        File.WriteAllBytes(folder["model"], [.. StateBytes.File(header), .. bytes[(8 + length)..]]);
        FluentActions.Invoking(() => model.Load(folder["model"], headerLimit: SafeTensorsFile.DefaultHeaderLimit)).Should().Throw<InvalidDataException>()
            .WithMessage("*higher headerLimit*");
        model.Load(folder["model"]).IsLoaded.Should().BeTrue();
        FluentActions.Invoking(() => model.Load(folder["model"], headerLimit: 0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    private static LayerDictionary<float> Model() => new()
    {
        { "encoder.norm", new BatchNorm1d<float>(3) },
        { "head.norm", new RmsNorm<float>(4) },
    };

    private static StateDictionary Prefixed(string prefix)
    {
        LayerDictionary<float> model = Model();
        model["head.norm"].Weight!.Value.Fill(7);
        var state = new StateDictionary();
        foreach ((string key, StateValue value) in model.GetState())
            state.Add(prefix + key, value);
        return state;
    }
}
