namespace Normalization.Tests;

/// <summary>The gradients of parameters over several ranks, with threads as ranks.</summary>
public sealed class GradientReductionTests
{
    [Fact]
    public void Gradients_of_all_parameters_are_added_in_one_message()
    {
        var counter = new Echo();
        Parameter<float>[] parameters = [.. new BatchNorm1d<float>(3).Parameters, .. new LayerNorm<float>(5).Parameters];
        Fill(parameters, 1.5f);
        counter.AllReduceGradients(parameters);
        counter.Calls.Should().Be(1);
        Gradients(parameters).Should().OnlyContain(static value => value == 3);
    }

    [Fact]
    public void Gradients_are_added_in_double_and_rounded_once() =>
        Ranks.OnEachOf(4, static ranks =>
        {
            float[] terms = [1 << 24, 1, -(1 << 24), 1];
            IReadOnlyList<Parameter<float>> parameters = new LayerNorm<float>(2).Parameters;
            Fill(parameters, terms[ranks.Rank]);
            parameters[1].Gradient.Span[1] = 0.5f;
            ranks.AllReduceGradients(parameters);
            Gradients(parameters).Should().Equal(2, 2, 2, 2);
        });

    [Fact]
    public void The_average_is_the_sum_divided_by_the_ranks() =>
        Ranks.OnEachOf(4, static ranks =>
        {
            IReadOnlyList<Parameter<double>> parameters = new LayerNorm<double>(2).Parameters;
            Fill(parameters, ranks.Rank);
            ranks.AllReduceGradients(parameters, average: true);
            Gradients(parameters).Should().OnlyContain(static value => value == 1.5);
        });

    [Fact]
    public void A_frozen_gradient_stays_and_costs_no_bytes()
    {
        var counter = new Echo();
        var layer = new LayerNorm<float>(700);
        layer.Weight!.RequiresGradient = false;
        Fill(layer.Parameters, 1);
        counter.AllReduceGradients(layer.Parameters);
        layer.Weight.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 1);
        layer.Bias!.Gradient.Span.ToArray().Should().OnlyContain(static value => value == 2);
        counter.Values.Should().BeInRange(700, 710);
    }

    [Fact]
    public void Different_frozen_parameters_are_an_error_on_every_rank_and_change_nothing() =>
        Ranks.OnEachOf(3, static ranks =>
        {
            var layer = new LayerNorm<float>(2);
            Fill(layer.Parameters, 1);
            layer.Parameters[ranks.Rank == 1 ? 1 : 0].RequiresGradient = false;
            Refuse(layer.Parameters, () => ranks.AllReduceGradients(layer.Parameters)).WithMessage("Parameter 0 (weight) is frozen on 2 of 3 ranks*");
            layer.Weight!.RequiresGradient = layer.Bias!.RequiresGradient = true;
            ranks.AllReduceGradients(layer.Parameters);
            layer.Weight.Gradient.Span.ToArray().Should().Equal(3, 3);
        });

    [Fact]
    public void Parameters_of_other_lengths_are_an_error_on_every_rank_even_if_they_have_as_many_values() =>
        Ranks.OnEachOf(3, static ranks =>
        {
            IReadOnlyList<Parameter<float>> two = new LayerNorm<float>(2).Parameters, three = new LayerNorm<float>(3).Parameters;
            Parameter<float>[] parameters = ranks.Rank == 1 ? [two[0], three[0]] : [three[0], two[0]];
            Fill(parameters, 1);
            Refuse(parameters, () => ranks.AllReduceGradients(parameters)).WithMessage("The ranks have different parameters*");
            parameters = ranks.Rank == 1 ? [two[0]] : [three[0]];
            Refuse(parameters, () => ranks.AllReduceGradients(parameters)).WithMessage("*different numbers of values*");
        });

    [Fact]
    public void Arguments_that_one_rank_refuses_are_an_error_on_all() =>
        Ranks.OnEachOf(2, static ranks =>
        {
            IReadOnlyList<Parameter<float>> parameters = new LayerNorm<float>(2).Parameters;
            Fill(parameters, 1);
            foreach (IReadOnlyList<Parameter<float>> wrong in (IReadOnlyList<Parameter<float>>[])[null!, [parameters[0], null!]])
            {
                Action call = () => ranks.AllReduceGradients(ranks.Rank == 0 ? wrong : parameters);
                if (ranks.Rank == 0)
                    call.Should().Throw<ArgumentException>().WithParameterName("parameters");
                else
                    Refuse(parameters, call);
            }
            ranks.AllReduceGradients(parameters);
            parameters[0].Gradient.Span.ToArray().Should().Equal(2, 2);
        });

    [Fact]
    public void Without_parameters_or_ranks_there_is_nothing_to_add()
    {
        using InMemoryCollective alone = InMemoryCollective.Create(1)[0];
        IReadOnlyList<Parameter<float>> parameters = new LayerNorm<float>(2).Parameters;
        Fill(parameters, 1);
        alone.AllReduceGradients(parameters);
        alone.AllReduceGradients<float>([]);
        parameters[0].Gradient.Span.ToArray().Should().Equal(1, 1);
        FluentActions.Invoking(() => ((ICollective)null!).AllReduceGradients(parameters)).Should().Throw<ArgumentNullException>();
    }

    [Fact]
    public void A_NaN_reaches_its_own_element_alone() =>
        Ranks.OnEachOf(2, static ranks =>
        {
            IReadOnlyList<Parameter<float>> parameters = new LayerNorm<float>(3).Parameters;
            Fill(parameters, 1);
            if (ranks.Rank == 1)
                parameters[0].Gradient.Span[1] = float.NaN;
            ranks.AllReduceGradients(parameters);
            parameters[0].Gradient.Span.ToArray().Should().Equal(2, float.NaN, 2);
            parameters[1].Gradient.Span.ToArray().Should().Equal(2, 2, 2);
        });

    private static FluentAssertions.Specialized.ExceptionAssertions<CollectiveException> Refuse(
        IReadOnlyList<Parameter<float>> parameters, Action call)
    {
        FluentAssertions.Specialized.ExceptionAssertions<CollectiveException> thrown = call.Should().Throw<CollectiveException>();
        Gradients(parameters).Should().OnlyContain(static value => value == 1);
        return thrown;
    }

    private static T[] Gradients<T>(IReadOnlyList<Parameter<T>> parameters) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> =>
        [.. parameters.SelectMany(static parameter => parameter.Gradient.Span.ToArray())];

    private static void Fill<T>(IReadOnlyList<Parameter<T>> parameters, T value) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        foreach (Parameter<T> parameter in parameters)
            parameter.Gradient.Fill(value);
    }
}
