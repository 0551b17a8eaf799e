namespace Normalization.Tests;

/// <summary>What the state of a layer is, and what may be loaded into it.</summary>
public sealed class StateTests
{
    private const string Tracking = "Batch [4, 5, 3] tracking";

    public static TheoryData<string> Layers => Cases.Matrix();

    [Theory]
    [MemberData(nameof(Layers))]
    public void A_state_survives_the_way_into_another_layer_to_the_last_bit(string name)
    {
        RoundTrip<float>(name);
        RoundTrip<double>(name);
    }

    [Theory]
    [InlineData(Tracking, "weight: F32 [5], bias: F32 [5], running_mean: F32 [5], running_var: F32 [5], num_batches_tracked: I64 []")]
    [InlineData("Batch [4, 5, 3] plain tracking", "running_mean: F32 [5], running_var: F32 [5], num_batches_tracked: I64 []")]
    [InlineData("Batch [4, 5, 3]", "weight: F32 [5], bias: F32 [5]")]
    [InlineData("Instance [4, 3, 15] plain", "")]
    [InlineData("Group [4, 6, 5] groups 3", "weight: F32 [6], bias: F32 [6]")]
    [InlineData("Layer [4, 2, 2, 5] over 3 without bias", "weight: F32 [2, 2, 5]")]
    [InlineData("Rms [4, 5, 5] over 1", "weight: F32 [5]")]
    public void The_keys_are_PyTorchs_and_what_a_layer_does_not_have_is_absent(string name, string expected) =>
        new Sample<float>(Cases.Named(name)).Layer.GetState().ToString().Should().Be(expected);

    [Fact]
    public void A_state_does_not_change_when_the_layer_does()
    {
        var sample = new Sample<float>(Cases.Named(Tracking));
        StateDictionary state = sample.Layer.GetState();
        byte[] before = StateBytes.Of(state);
        sample.Run();
        sample.Layer.ResetParameters();
        StateBytes.Of(state).Should().Equal(before);
        sample.Layer.LoadState(state).IsLoaded.Should().BeTrue();
        StateBytes.Of(sample.Layer.GetState()).Should().Equal(before);
        sample.Running!.BatchesTracked.Should().Be(0);
    }

    [Fact]
    public void A_float_layer_takes_doubles_and_a_double_layer_floats()
    {
        var wide = new Sample<double>(Cases.Named("Layer [4, 5, 5] over 1"));
        var narrow = new LayerNorm<float>(5);
        narrow.LoadState(wide.Layer.GetState());
        narrow.Weight!.Value.Span.ToArray().Should().Equal(Array.ConvertAll(wide.Layer.Weight!.Value.Span.ToArray(), static value => (float)value));
        wide.Layer.LoadState(narrow.GetState());
        Values.Doubles(wide.Layer.Bias!.Value).Should().Equal(Values.Doubles(narrow.Bias!.Value));
    }

    [Fact]
    public void Every_mismatch_is_named_in_one_message_and_nothing_is_changed()
    {
        StateDictionary state = new()
        {
            { "gamma", Tensor<float>.Full([5], 1) },
            { "bias", Tensor<float>.Full([4], 1) },
            { "running_mean", new Tensor<float>([1, 2, float.NaN, 4, 5], 5) },
            { "running_var", new Tensor<float>([1, 2, 3, -0.5f, 5], 5) },
            { "num_batches_tracked", -1 },
        };
        const string Message = """
            The state does not fit; nothing was changed.
              missing keys: weight
              unexpected keys: gamma
              bias: expected shape [5], got [4]
              running_mean: element 2 is NaN; expected finite values
              running_var: element 3 is -0.5; it must not be negative
              num_batches_tracked: is -1; a count must not be negative (Parameter 'state')
            """;
        Refuse(state, Message.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void A_single_wrong_value_keeps_all_others_from_being_loaded()
    {
        StateDictionary good = new BatchNorm1d<float>(5).GetState();
        (string Key, StateValue Value, string Expected)[] wrong =
        [
            ("weight", Tensor<float>.Full([5, 1], 1), "*weight: expected shape [5], got [5, 1]*"),
            ("weight", Tensor<float>.Full([], 1), "*weight: expected shape [5], got []*"),
            ("weight", StateValue.FromInt64([1, 2, 3, 4, 5], 5), "*weight: expected floating-point numbers*got I64*"),
            ("bias", Tensor<double>.Full([5], 1e300), "*bias: element 0 is * as F32; expected finite values*"),
            ("bias", Tensor<float>.Full([5], float.NegativeInfinity), "*bias: element 0 is *; expected finite values*"),
            ("running_var", Tensor<double>.Full([5], -1e-30), "*running_var: element 0 is -1E-30; it must not be negative*"),
            ("num_batches_tracked", StateValue.FromInt64([3], 1), "*num_batches_tracked: expected shape [], got [1]*"),
            ("num_batches_tracked", Tensor<float>.Full([], 3), "*num_batches_tracked: expected a whole number (I64), got F32*"),
        ];
        foreach ((string key, StateValue value, string expected) in wrong)
            Refuse(With(good, key, value), expected);
    }

    [Fact]
    public void Without_strict_keys_may_differ_but_a_wrong_value_still_changes_nothing()
    {
        var layer = new BatchNorm1d<float>(2) { BatchesTracked = 7 };
        StateReport report = layer.LoadState(new() { { "weight", new Tensor<float>([3, 4], 2) }, { "other", 1 } }, strict: false);
        report.IsLoaded.Should().BeTrue();
        report.MissingKeys.Should().Equal("bias", "running_mean", "running_var", "num_batches_tracked");
        report.UnexpectedKeys.Should().Equal("other");
        report.Errors.Should().BeEmpty();
        layer.Weight!.Value.Span.ToArray().Should().Equal(3, 4);
        layer.BatchesTracked.Should().Be(7);
        report.ToString().Should().StartWith("The state was loaded.").And.Contain("missing keys: bias, ").And.Contain("unexpected keys: other");

        report = layer.LoadState(new() { { "weight", new Tensor<float>([5, 6], 2) }, { "bias", new Tensor<float>([5, float.NaN], 2) } }, strict: false);
        report.IsLoaded.Should().BeFalse();
        report.Errors.Should().ContainSingle().Which.Should().StartWith("bias: element 1 is NaN");
        layer.Weight.Value.Span.ToArray().Should().Equal(3, 4);
    }

    [Fact]
    public void The_count_may_be_missing_as_it_is_in_old_checkpoints()
    {
        StateDictionary state = [];
        foreach ((string key, StateValue value) in new BatchNorm1d<double>(2).GetState().Where(static pair => pair.Key != "num_batches_tracked"))
            state.Add(key, value);
        var layer = new BatchNorm1d<double>(2) { BatchesTracked = 3 };
        StateReport report = layer.LoadState(state);
        (report.IsLoaded, report.MissingKeys.Single(), layer.BatchesTracked).Should().Be((true, "num_batches_tracked", 3L));
    }

    [Fact]
    public void Weight_and_bias_of_a_layer_can_change_places()
    {
        var layer = new LayerNorm<float>(2);
        layer.LoadState(new() { { "weight", layer.Bias!.Value }, { "bias", layer.Weight!.Value } });
        layer.Weight.Value.Span.ToArray().Should().Equal(0, 0);
        layer.Bias.Value.Span.ToArray().Should().Equal(1, 1);
    }

    [Fact]
    public void A_layer_without_values_takes_an_empty_state_and_no_other()
    {
        var layer = new InstanceNorm<float>(3);
        layer.LoadState([]).IsLoaded.Should().BeTrue();
        FluentActions.Invoking(() => layer.LoadState(new() { { "weight", 1 } })).Should().Throw<ArgumentException>().WithMessage("*unexpected keys: weight*");
    }

    [Fact]
    public void A_message_shows_strange_keys_without_their_control_characters_and_not_all_of_a_thousand()
    {
        var state = new StateDictionary { { "evil\n\u001b[31m\u202e" + new string('x', 1000), 1 } };
        for (int i = 0; i < 1000; i++)
            state.Add($"key{i}", i);
        string message = FluentActions.Invoking(() => new RmsNorm<float>(2, elementwiseAffine: false).LoadState(state)).Should().Throw<ArgumentException>().Which.Message;
        message.Should().Contain(@"evil\u000A\u001B[31m\u202Exxx").And.Contain("xxx..., key0").And.Contain("and 901 more").And.NotContain("key500");
        message.Length.Should().BeLessThan(2000);
    }

    [Fact]
    public void Nulls_are_refused()
    {
        var layer = new RmsNorm<float>(2);
        FluentActions.Invoking(() => layer.LoadState(null!)).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(static () => ((RmsNorm<float>)null!).GetState()).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(static () => new StateDictionary().Add("key", null!)).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(static () => new StateDictionary().Add(null!, 1)).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(static () => (StateValue)(Tensor<float>)null!).Should().Throw<ArgumentNullException>();
    }

    [Fact]
    public void A_value_is_read_as_what_it_is_and_nothing_else()
    {
        StateValue tensor = new Tensor<float>([1.5f, 2], 2, 1), number = 42, numbers = StateValue.FromInt64([1, 2, 3, 4], 2, 2);
        tensor.ToTensor<double>().ToString().Should().Be("Tensor<Double>[2, 1] [[1.5], [2]]");
        number.ToInt64().Should().Be(42);
        numbers.ToInt64Array().Should().Equal(1, 2, 3, 4);
        $"{tensor}, {number}, {numbers}".Should().Be("F32 [2, 1], I64 [], I64 [2, 2]");
        FluentActions.Invoking(() => tensor.ToInt64Array()).Should().Throw<NotSupportedException>().WithMessage("Expected whole numbers, got F32 [2, 1].");
        FluentActions.Invoking(() => number.ToTensor<float>()).Should().Throw<NotSupportedException>();
        FluentActions.Invoking(() => numbers.ToInt64()).Should().Throw<NotSupportedException>().WithMessage("Expected a single number*");
        FluentActions.Invoking(() => StateValue.FromInt64([1, 2], 3)).Should().Throw<ArgumentException>().WithMessage("*[3] = 3 elements, got 2*");
    }

    [Fact]
    public void A_dictionary_keeps_its_order_and_refuses_a_key_twice()
    {
        var state = new StateDictionary { { "b", 1 }, { "a", 2 }, { "a.c", 3 }, { "a.d.e", 4 }, { "ab.c", 5 } };
        state.Keys.Should().Equal("b", "a", "a.c", "a.d.e", "ab.c");
        state.GetSubset("a").Keys.Should().Equal("c", "d.e");
        state.GetSubset("a")["d.e"].ToInt64().Should().Be(4);
        state.GetSubset("missing").Should().BeEmpty();
        FluentActions.Invoking(() => state.Add("a", 6)).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => state["c"]).Should().Throw<KeyNotFoundException>();
        (state.Count, state.ContainsKey("ab.c"), state.TryGetValue("c", out _)).Should().Be((5, true, false));
    }

    private static void RoundTrip<T>(string name) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        var sample = new Sample<T>(Cases.Named(name));
        if (sample.Running?.RunningMean is not null)
            sample.Running.BatchesTracked = 41;
        byte[] expected = StateBytes.Of(sample.Layer.GetState());
        NormalizationLayer<T> other = sample.Case.Create<T>();
        StateReport report = other.LoadState(sample.Layer.GetState());
        (report.IsLoaded, report.MissingKeys.Count, report.UnexpectedKeys.Count).Should().Be((true, 0, 0));
        StateBytes.Of(other.GetState()).Should().Equal(expected);
        using SafeTensorsFile file = SafeTensorsFile.Parse(expected);
        NormalizationLayer<T> third = sample.Case.Create<T>();
        third.LoadState(file.State);
        StateBytes.Of(third.GetState()).Should().Equal(expected);
    }

    private static StateDictionary With(StateDictionary state, string key, StateValue value)
    {
        var result = new StateDictionary();
        foreach ((string other, StateValue old) in state)
            result.Add(other, other == key ? value : old);
        return result;
    }

    private static void Refuse(StateDictionary state, string message)
    {
        var sample = new Sample<float>(Cases.Named(Tracking));
        sample.Running!.BatchesTracked = 3;
        byte[] before = StateBytes.Of(sample.Layer.GetState());
        FluentActions.Invoking(() => sample.Layer.LoadState(state)).Should().Throw<ArgumentException>().WithMessage(message);
        StateBytes.Of(sample.Layer.GetState()).Should().Equal(before);
    }
}
