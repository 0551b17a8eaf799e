using Normalization.PublicApi.Tests;

namespace Normalization.Tests;

/// <summary>Weight norm and spectral norm against PyTorch's values, and the checkpoints that hold their parts.</summary>
public sealed class WeightNormTests
{
    private static readonly StateDictionary _golden =
        SafeTensorsFile.Load(Path.Combine(Repository.Root, "tests", "Normalization.Tests", "Golden", "family.safetensors"));

    [Theory]
    [InlineData("linear", 0)]
    [InlineData("conv", 0)]
    [InlineData("last", 2)]
    [InlineData("whole", null)]
    public void A_weight_and_its_gradients_are_those_of_PyTorch(string name, int? dimension)
    {
        Tensor<double> v = Golden($"weight_norm.{name}.weight_v"), g = Golden($"weight_norm.{name}.weight_g"), weight = new(v.Shape);
        WeightNorm.Forward(v, g, weight, dimension);
        Values.Distance(weight.Span, Golden($"expected.{name}.weight").Span).Should().BeLessThan(1e-15 * 4);
        Tensor<double> vGradient = Tensor<double>.Full(v.Shape, 2), gGradient = Tensor<double>.Full(g.Shape, 3);
        WeightNorm.Backward(v, g, Golden($"expected.{name}.direction"), vGradient, gGradient, dimension);
        Near(vGradient, Golden($"expected.{name}.v_gradient"), 2);
        Near(gGradient, Golden($"expected.{name}.g_gradient"), 3);
        WeightNorm.Forward(v, g, v, dimension);
        Values.Bits(v).Should().Equal(Values.Bits(weight));
    }

    [Theory]
    [InlineData(1e-30)]
    [InlineData(1e30)]
    public void The_scale_of_the_direction_does_not_matter(double scale)
    {
        Tensor<float> v = Tensor<float>.RandomNormal([6, 50], seed: 1), large = v.Clone(), g = Tensor<float>.RandomNormal([6], seed: 2);
        foreach (ref float element in large.Span)
            element *= (float)scale;
        Tensor<float> weight = new(v.Shape), other = new(v.Shape);
        WeightNorm.Forward(v, g, weight);
        WeightNorm.Forward(large, g, other);
        Values.Distance(Values.Doubles(other), Values.Doubles(weight)).Should().BeLessThan(1e-6);
    }

    [Fact]
    public void A_direction_of_zeros_gives_zeros()
    {
        Tensor<float> v = new(2, 3), g = Tensor<float>.Full([2], 1), weight = Tensor<float>.Full([2, 3], 7), gGradient = new(2);
        WeightNorm.Forward(v, g, weight);
        weight.Span.IndexOfAnyExcept(0f).Should().Be(-1);
        WeightNorm.Backward(v, g, Tensor<float>.Full([2, 3], 1), weight, gGradient);
        weight.Span.IndexOfAnyExcept(0f).Should().Be(-1);
        gGradient.Span.IndexOfAnyExcept(0f).Should().Be(-1);
    }

    [Theory]
    [InlineData("old", "weight_orig", 0)]
    [InlineData("new", "parametrizations.weight.original", 0)]
    [InlineData("transposed", "weight_orig", 1)]
    public void A_spectral_weight_and_its_gradient_are_those_of_PyTorch(string name, string key, int dimension)
    {
        StateDictionary state = _golden.GetSubset($"spectral_norm.{name}");
        Tensor<double> original = state[key].ToTensor<double>(), weight = new(original.Shape), gradient = Tensor<double>.Full(original.Shape, 2);
        var norm = new SpectralNorm<double>(original.Shape, dimension);
        norm.LoadState(state);
        norm.Eval();
        double sigma = norm.Forward(original, weight);
        Values.Distance(weight.Span, Golden($"expected.{name}.weight").Span).Should().BeLessThan(1e-14);
        (weight.Span[0] * sigma).Should().BeApproximately(original.Span[0], 1e-14);
        norm.Backward(original, Golden($"expected.{name}.direction"), gradient);
        Near(gradient, Golden($"expected.{name}.gradient"), 2);
        norm.GetState().Keys.Should().Equal("weight_u", "weight_v");
    }

    [Fact]
    public void The_power_iteration_goes_on_as_that_of_PyTorch()
    {
        StateDictionary state = _golden.GetSubset("spectral_norm.old");
        Tensor<double> original = state["weight_orig"].ToTensor<double>(), weight = new(original.Shape);
        var norm = new SpectralNorm<double>(original.Shape);
        norm.LoadState(state);
        norm.Forward(original, weight);
        Values.Distance(norm.LeftVector.Span, Golden("expected.iterated.weight_u").Span).Should().BeLessThan(1e-14);
        Values.Distance(norm.RightVector.Span, Golden("expected.iterated.weight_v").Span).Should().BeLessThan(1e-14);
        Values.Distance(weight.Span, Golden("expected.iterated.weight").Span).Should().BeLessThan(1e-14);
    }

    [Fact]
    public void The_iteration_finds_the_largest_singular_value()
    {
        // An orthogonal mixture of 5 and 2.
        double c = Math.Cos(0.3), s = Math.Sin(0.3);
        var original = new Tensor<double>([5 * c, 5 * s, -2 * s, 2 * c], 2, 2);
        var norm = new SpectralNorm<double>([2, 2], powerIterations: 40, seed: 3);
        norm.Forward(original, new(2, 2)).Should().BeApproximately(5, 1e-12);
        norm.Forward(new(2, 2), Tensor<double>.Full([2, 2], 7)).Should().Be(1);
    }

    [Fact]
    public void A_checkpoint_with_parts_becomes_one_with_plain_weights()
    {
        var state = new StateDictionary();
        foreach ((string key, StateValue value) in _golden)
        {
            if (!key.StartsWith("expected", StringComparison.Ordinal) && !key.StartsWith("lrn", StringComparison.Ordinal))
                state.Add(key, value);
        }
        // The names of PyTorch since 2.1.
        state.Add("newer.parametrizations.weight.original0", _golden["weight_norm.conv.weight_g"]);
        state.Add("newer.parametrizations.weight.original1", _golden["weight_norm.conv.weight_v"]);
        ParametrizedWeights folded = ParametrizedWeights.Fold(state);
        folded.NotFolded.Should().BeEmpty();
        folded.Folded.Should().HaveCount(8);
        foreach (string name in (string[])["weight_norm.linear", "weight_norm.conv", "weight_norm.last", "weight_norm.whole", "spectral_norm.old", "spectral_norm.new", "spectral_norm.transposed"])
        {
            Tensor<double> weight = folded.State[$"{name}.weight"].ToTensor<double>();
            Values.Distance(weight.Span, Golden($"expected.{name.Split('.')[1]}.weight").Span).Should().BeLessThan(1e-14);
            folded.State.Should().ContainKey($"{name}.bias");
        }
        folded.State.Keys.Should().NotContain(key => key.Contains("_v", StringComparison.Ordinal) || key.Contains("parametrizations", StringComparison.Ordinal));
        Values.Bits(folded.State["newer.weight"].ToTensor<double>()).Should().Equal(Values.Bits(folded.State["weight_norm.conv.weight"].ToTensor<double>()));
        folded.ToString().Should().StartWith("8 weights computed, 0 left in parts.").And.Contain("newer.weight: weight norm").And.Contain("spectral_norm.new.weight: spectral norm");
    }

    [Fact]
    public void Vectors_that_fit_two_dimensions_are_taken_for_the_one_they_belong_to()
    {
        var original = Tensor<float>.RandomNormal([4, 4, 3], seed: 1);
        foreach (int dimension in (int[])[0, 1])
        {
            var norm = new SpectralNorm<float>([4, 4, 3], dimension, powerIterations: 5);
            Tensor<float> weight = new(4, 4, 3);
            norm.Forward(original, weight);
            StateDictionary state = norm.GetState();
            state.Add("weight_orig", original);
            Values.Bits(ParametrizedWeights.Fold(state).State["weight"].ToTensor<float>()).Should().Equal(Values.Bits(weight));
        }
    }

    [Fact]
    public void Parts_that_do_not_fit_stay_and_are_named()
    {
        var state = new StateDictionary
        {
            { "a.weight_g", new Tensor<float>(3, 1) }, { "a.weight_v", new Tensor<float>(2, 4) },
            { "b.weight_orig", new Tensor<float>(2, 2) }, { "b.weight_u", new Tensor<float>(2) },
            { "c.weight_g", 5L }, { "c.weight_v", new Tensor<float>(2, 4) },
            { "d.weight", new Tensor<float>(1) }, { "d.weight_g", new Tensor<float>(1) }, { "d.weight_v", new Tensor<float>(1) },
            { "e.parametrizations.weight.original", new Tensor<float>(1) }, { "f.weight_g", new Tensor<float>(1) },
        };
        ParametrizedWeights folded = ParametrizedWeights.Fold(state);
        folded.State.Keys.Should().Equal(state.Keys);
        folded.Folded.Should().BeEmpty();
        folded.NotFolded.Should().Equal(
            "a.weight_g was left as it is: the shapes [3, 1], [2, 4] do not belong together.",
            "b.weight_orig was left as it is: b.weight_v is missing.",
            "c.weight_g was left as it is: I64 [] are no floating-point numbers.",
            "d.weight_g was left as it is: d.weight is there too.",
            "e.parametrizations.weight.original was left as it is: e.parametrizations.weight.0._u is missing.");
    }

    [Fact]
    public void Wrong_shapes_values_and_memory_are_refused()
    {
        Tensor<float> v = new(2, 3), g = new(2), weight = new(2, 3);
        Refuse<ArgumentException>(() => WeightNorm.Forward(v, new Tensor<float>(3), weight), "magnitude must have*");
        Refuse<ArgumentException>(() => WeightNorm.Forward(v, g, new(3, 2)), "expected weight [2, 3], got [3, 2]*");
        Refuse<ArgumentOutOfRangeException>(() => WeightNorm.Forward(v, g, weight, 2), "dimension must be one of the 2*");
        Refuse<ArgumentException>(() => WeightNorm.Backward(v, g, weight, v, new(2)), "directionGradient must not overlap*");
        Refuse<ArgumentException>(() => WeightNorm.Backward(v, g, weight, new(2, 3), g), "magnitudeGradient must not overlap*");
        Refuse<ArgumentException>(() => _ = new SpectralNorm<float>([0, 3]), "The weight must have elements*");
        Refuse<ArgumentOutOfRangeException>(() => _ = new SpectralNorm<float>([2, 3], 2), "dimension*");
        Refuse<ArgumentOutOfRangeException>(() => _ = new SpectralNorm<float>([2, 3], epsilon: 0), "epsilon*");
        Refuse<ArgumentOutOfRangeException>(() => _ = new SpectralNorm<float>([2, 3], powerIterations: 0), "powerIterations*");
        var norm = new SpectralNorm<float>([2, 3]);
        Refuse<ArgumentException>(() => norm.Forward(new(3, 2), weight), "expected original*");
        Refuse<ArgumentException>(() => norm.Backward(v, weight, weight), "originalGradient must not overlap*");
        Refuse<ArgumentException>(() => norm.LoadState([]), "The state has neither weight_u nor*");
        long[] before = Values.Bits(norm.LeftVector);
        var wrong = new StateDictionary { { "weight_u", new Tensor<float>(2) }, { "weight_v", new Tensor<float>(4) } };
        Refuse<ArgumentException>(() => norm.LoadState(wrong), "expected weight_v [3]*");
        Values.Bits(norm.LeftVector).Should().Equal(before);
    }

    private static void Refuse<TException>(Action call, string message) where TException : Exception =>
        call.Should().ThrowExactly<TException>().WithMessage(message);

    private static void Near(Tensor<double> actual, Tensor<double> expected, double before)
    {
        double[] gain = Array.ConvertAll(actual.Span.ToArray(), value => value - before);
        Values.Distance(gain, expected.Span).Should().BeLessThan(1e-13);
    }

    private static Tensor<double> Golden(string key) => _golden[key].ToTensor<double>();
}
