using System.Numerics;

namespace Normalization.Tests;

public sealed class InPlaceTests
{
    public static TheoryData<string> Evaluation => Cases.Evaluation();

    public static TheoryData<string> All => Cases.All();

    [Theory]
    [MemberData(nameof(All))]
    public void Evaluation_in_place_has_the_bits_of_evaluation_out_of_place(string name)
    {
        Forward<float>(name);
        Forward<double>(name);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Backward_in_place_has_the_bits_of_backward_out_of_place(string name)
    {
        Backward<float>(name, isTraining: true);
        Backward<double>(name, isTraining: true);
    }

    [Theory]
    [MemberData(nameof(Evaluation))]
    public void Backward_in_place_through_an_evaluating_layer_has_the_bits_of_backward_out_of_place(string name)
    {
        Backward<float>(name, isTraining: false);
        Backward<double>(name, isTraining: false);
    }

    [Fact]
    public void Training_in_place_is_refused_naming_the_output()
    {
        Tensor<float> input = Tensor<float>.RandomNormal([2, 3], seed: 1);
        FluentActions.Invoking(() => new LayerNorm<float>(3).Forward(input, input)).Should()
            .Throw<ArgumentException>().WithMessage("output overlaps input*").WithParameterName("output");
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Nothing_is_written_beside_the_tensors(string name)
    {
        Edges<float>(name);
        Edges<double>(name);
    }

    private static void Forward<T>(string name) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var sample = new Sample<T>(Cases.Named(name));
        sample.Layer.Eval();
        sample.Layer.Forward(sample.Input, sample.Output);
        sample.Layer.Forward(sample.Input, sample.Input);
        sample.Input.Span.SequenceEqual(sample.Output.Span).Should().BeTrue();
    }

    private static void Backward<T>(string name, bool isTraining) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Sample<T> sample = new Sample<T>(Cases.Named(name)).Run(isTraining);
        long[] gradients = Gradients(sample);
        sample.Layer.ZeroGradients();
        sample.Layer.Backward(sample.OutputGradient, sample.OutputGradient, sample.Context);
        sample.OutputGradient.Span.SequenceEqual(sample.InputGradient.Span).Should().BeTrue();
        Gradients(sample).AsSpan().SequenceEqual(gradients).Should().BeTrue();
    }

    private static void Edges<T>(string name) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (bool isTraining in (bool[])[true, false])
        {
            var sample = new Sample<T>(Cases.Named(name));
            long[] input = Values.Bits<T>(Sample<T>.Around(sample.Input)), gradient = Values.Bits<T>(Sample<T>.Around(sample.OutputGradient));
            sample.Run(isTraining);
            Values.Bits<T>(Sample<T>.Around(sample.Input)).AsSpan().SequenceEqual(input).Should().BeTrue("the input is only read");
            Values.Bits<T>(Sample<T>.Around(sample.OutputGradient)).AsSpan().SequenceEqual(gradient).Should()
                .BeTrue("the output gradient is only read");
            foreach (T[] array in (T[][])[Sample<T>.Around(sample.Output), Sample<T>.Around(sample.InputGradient)])
            {
                T.IsNaN(array[0]).Should().BeTrue();
                T.IsNaN(array[^1]).Should().BeTrue();
            }
        }
    }

    private static long[] Gradients<T>(Sample<T> sample) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        [.. sample.Layer.Parameters.SelectMany(static parameter => Values.Bits(parameter.Gradient))];
}
