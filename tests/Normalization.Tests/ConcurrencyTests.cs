namespace Normalization.Tests;

public sealed class ConcurrencyTests
{
    private const int Threads = 8;

    public static TheoryData<string> Representative => Cases.Representative();

    [Theory]
    [MemberData(nameof(Representative))]
    public void Evaluation_on_eight_threads_at_once_equals_evaluation_on_one(string name)
    {
        var sample = new Sample<float>(Cases.Named(name));
        sample.Layer.Eval();
        Tensor<float>[] inputs = [.. Enumerable.Range(0, Threads).Select(i => Sample<float>.Normal(sample.Case.Shape, 50 + i, i, 1 + i))];
        Tensor<float>[] expected = Array.ConvertAll(inputs, sample.Layer.Forward);
        var wrong = 0;
        RunOnThreads(i =>
        {
            var output = new Tensor<float>(sample.Case.Shape);
            for (int round = 0; round < 5; round++)
            {
                output.Fill(float.NaN);
                sample.Layer.Forward(inputs[i], output);
                if (!output.Span.SequenceEqual(expected[i].Span))
                    Interlocked.Increment(ref wrong);
            }
        });
        wrong.Should().Be(0);
    }

    [Fact]
    public void Contexts_let_threads_go_forward_and_backward_through_one_evaluating_layer_each()
    {
        Sample<float>[] samples = [.. Enumerable.Range(0, Threads).Select(static i => new Sample<float>(Cases.Named("Batch [8, 67, 14, 14] tracking"), seed: 10 * i))];
        long[][] expected = Array.ConvertAll(samples, static sample => sample.Run(isTraining: false).Bits());
        long[][] actual = new long[Threads][];
        RunOnThreads(i =>
        {
            samples[i].Layer.ZeroGradients();
            actual[i] = samples[i].Run(isTraining: false).Bits();
        });
        for (int i = 0; i < Threads; i++)
            actual[i].AsSpan().SequenceEqual(expected[i]).Should().BeTrue();
    }

    private static void RunOnThreads(Action<int> action)
    {
        using var start = new Barrier(Threads);
        Exception? failure = null;
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(i => new Thread(() =>
        {
            try
            {
                start.SignalAndWait();
                action(i);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                failure = exception;
            }
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        failure.Should().BeNull();
    }
}
