namespace Normalization.Tests;

/// <summary>One rank makes a mistake: all ranks learn of it, none waits for ever, and none takes the numbers of another pass.</summary>
public sealed class RankFaultTests
{
    private const int Channels = 3;

    private static readonly Dictionary<string, Action<BatchNorm1d<float>, ForwardContext<float>>> _refusedForward = new()
    {
        ["no input"] = static (layer, _) => layer.Forward(null!),
        ["no input to an output"] = static (layer, _) => layer.Forward(null!, Input(4)),
        ["no output"] = static (layer, _) => layer.Forward(Input(4), null!),
        ["no context to forward"] = static (layer, _) => layer.Forward(Input(4), Input(4), null!),
        ["no context to forward over spans"] = static (layer, _) => layer.Forward(Input(4).AsReadOnlyTensorSpan(), Input(4).AsTensorSpan(), null!),
        ["a tensor span in training"] = static (layer, _) => layer.Forward(Input(4).AsReadOnlyTensorSpan(), Input(4).AsTensorSpan()),
    };

    private static readonly Dictionary<string, Action<BatchNorm1d<float>, ForwardContext<float>>> _refusedBackward = new()
    {
        ["no output gradient"] = static (layer, _) => layer.Backward(null!),
        ["no output gradient beside another"] = static (layer, context) => layer.Backward(null!, Input(4), context),
        ["no input gradient"] = static (layer, _) => layer.Backward(Input(4), null!),
        ["no context to backward"] = static (layer, _) => layer.Backward(Input(4), Input(4), null!),
        ["no context to backward over spans"] =
            static (layer, _) => layer.Backward(Input(4).AsReadOnlyTensorSpan(), Input(4).AsReadOnlyTensorSpan(), Input(4).AsTensorSpan(), null!),
        ["a cleared context"] = static (layer, context) =>
        {
            context.Clear();
            layer.Backward(Input(4), Input(4), context);
        },
        ["a foreign context"] = static (layer, context) =>
        {
            new BatchNorm1d<float>(Channels).Forward(Input(4), Input(4), context);
            layer.Backward(Input(4), Input(4), context);
        },
        ["a context without its input"] = static (layer, context) =>
        {
            layer.Backward(Input(4), Input(4), context);
        },
    };

    public static TheoryData<string> RefusedForward => [.. _refusedForward.Keys];

    public static TheoryData<string> RefusedBackward => [.. _refusedBackward.Keys];

    [Theory]
    [MemberData(nameof(RefusedForward))]
    public void A_forward_pass_that_one_rank_refuses_is_an_error_on_all(string mistake) =>
        Ranks.OnEachOf(3, ranks =>
        {
            BatchNorm1d<float> layer = Synchronized(ranks);
            var context = new ForwardContext<float>();
            Refuse(ranks, ranks.Rank == 1 ? () => _refusedForward[mistake](layer, context) : () => layer.Forward(Input(4)));
            RequireStep(layer, ranks);
        });

    [Theory]
    [MemberData(nameof(RefusedBackward))]
    public void A_backward_pass_that_one_rank_refuses_is_an_error_on_all(string mistake) =>
        Ranks.OnEachOf(3, ranks =>
        {
            BatchNorm1d<float> layer = Synchronized(ranks);
            var context = new ForwardContext<float>();
            layer.Forward(Input(4));
            layer.Forward(Input(4).AsReadOnlyTensorSpan(), Input(4).AsTensorSpan(), context);
            Refuse(ranks, ranks.Rank == 1 ? () => _refusedBackward[mistake](layer, context) : () => layer.Backward(Input(4)));
            RequireStep(layer, ranks);
        });

    [Fact]
    public void A_backward_pass_without_a_forward_pass_is_refused_on_every_rank_and_they_stay_together() =>
        Ranks.OnEachOf(3, static ranks =>
        {
            BatchNorm1d<float> layer = Synchronized(ranks);
            FluentActions.Invoking(() => layer.Backward(Input(4))).Should().Throw<InvalidOperationException>().WithMessage("No forward pass*");
            RequireStep(layer, ranks);
        });

    [Fact]
    public void Equal_layers_in_another_order_are_an_error_on_all_instead_of_mixed_statistics() =>
        Ranks.OnEachOf(2, static ranks =>
        {
            BatchNorm1d<float> first = Synchronized(ranks), second = Synchronized(ranks);
            FluentActions.Invoking(() => (ranks.Rank == 0 ? first : second).Forward(Tensor<float>.Full([4, Channels], 100 * ranks.Rank))).Should()
                .Throw<CollectiveException>().WithMessage("*rank 0: forward*(layer 1, call 3); rank 1: forward*(layer 2, call 3)*");
            first.RunningMean!.Span.ToArray().Should().OnlyContain(static mean => mean == 0);
            RequireStep(first, ranks);
            RequireStep(second, ranks);
        });

    [Fact]
    public void Layers_of_different_width_in_another_order_are_an_error_that_says_what_each_rank_did() =>
        Ranks.OnEachOf(2, static ranks =>
        {
            BatchNorm1d<float> narrow = Synchronized(ranks), wide = new(8 * Channels);
            wide.Synchronize(ranks);
            bool isFirst = ranks.Rank == 0;
            FluentActions.Invoking(() => isFirst ? narrow.Forward(Input(4)) : wide.Forward(new(4, 8 * Channels))).Should()
                .Throw<CollectiveException>().WithMessage($"*different numbers of values*forward through a BatchNorm of {(isFirst ? 3 : 24)} channels*");
            RequireStep(narrow, ranks);
        });

    [Fact]
    public void A_pass_that_one_rank_began_alone_does_not_mix_batches()
    {
        using var isInterrupted = new ManualResetEventSlim();
        Ranks.OnEachOf(2, ranks =>
        {
            BatchNorm1d<float> layer = Synchronized(ranks);
            if (ranks.Rank == 0)
                isInterrupted.Wait();
            else
                Interrupt(() => layer.Forward(Input(4)), isInterrupted);
            FluentActions.Invoking(() => layer.Forward(Input(4))).Should().Throw<CollectiveException>()
                .WithMessage("*rank 0: forward*call 2); rank 1: forward*call 3)*");
            layer.BatchesTracked.Should().Be(0);
            RequireStep(layer, ranks);
        });
    }

    [Fact]
    public void A_rank_that_is_interrupted_while_it_waits_and_calls_again_is_counted_once()
    {
        using var isInterrupted = new ManualResetEventSlim();
        Ranks.OnEachOf(2, ranks =>
        {
            double[] values = [1 + ranks.Rank];
            if (ranks.Rank == 0)
                isInterrupted.Wait();
            else
                Interrupt(() => ranks.AllReduce(values), isInterrupted);
            values[0] *= 10;
            ranks.AllReduce(values);
            values.Should().Equal(30);
            ranks.AllReduce(values);
            values.Should().Equal(60);
        });
    }

    [Fact]
    public void A_gather_that_one_rank_refuses_is_an_error_on_all() =>
        Ranks.OnEachOf(3, static ranks =>
        {
            Action gather = () => ranks.AllGather([1], new double[ranks.Rank == 1 ? 2 : 3]);
            if (ranks.Rank == 1)
                gather.Should().Throw<ArgumentException>().WithParameterName("gathered");
            else
                gather.Should().Throw<CollectiveException>().WithMessage("*1, refused, 1*");
            double[] values = [1];
            ranks.AllReduce(values);
            values.Should().Equal(3);
        });

    [Fact]
    public void Ranks_whose_threads_run_do_not_wait_for_one_whose_thread_could_not_be_started()
    {
        AggregateException thrown = null!;
        Ranks.InTime(() => thrown = FluentActions.Invoking(static () => InMemoryCollective.Run(
            4,
            static ranks => ranks.AllReduce([1]),
            static thread =>
            {
                if (thread.Name == "rank 2 of 4")
                    throw new InsufficientMemoryException("planted");
                thread.Start();
            })).Should().Throw<AggregateException>().Which);
        thrown.InnerExceptions.Select(static exception => exception.GetType()).Should()
            .Equal(typeof(CollectiveException), typeof(CollectiveException), typeof(InsufficientMemoryException));
    }

    /// <summary>Ends the wait of a call with an interruption, before the other ranks call.</summary>
    private static void Interrupt(Action call, ManualResetEventSlim isInterrupted)
    {
        Thread.CurrentThread.Interrupt();
        call.Should().Throw<ThreadInterruptedException>();
        isInterrupted.Set();
    }

    private static void Refuse(ICollective ranks, Action call)
    {
        if (ranks.Rank == 1)
            call.Should().Throw<Exception>().Which.Should().Match(static exception => exception is ArgumentException || exception is InvalidOperationException);
        else
            call.Should().Throw<CollectiveException>().WithMessage("*rank 1: arguments refused*");
    }

    /// <summary>The ranks take a step of training together, in which none has numbers of another pass.</summary>
    private static void RequireStep(BatchNorm1d<float> layer, ICollective ranks)
    {
        layer.ResetRunningStatistics();
        layer.Momentum = 1;
        layer.Forward(Tensor<float>.Full([4, Channels], 1 + ranks.Rank));
        layer.Backward(Input(4)).Span.ToArray().Should().OnlyContain(static value => float.IsFinite(value));
        layer.RunningMean!.Span.ToArray().Should().OnlyContain(mean => mean == (1 + ranks.Size) / 2f);
        layer.BatchesTracked.Should().Be(1);
    }

    private static BatchNorm1d<float> Synchronized(ICollective ranks)
    {
        var layer = new BatchNorm1d<float>(Channels);
        layer.Synchronize(ranks);
        return layer;
    }

    private static Tensor<float> Input(int samples) => Tensor<float>.RandomNormal([samples, Channels], seed: 1, mean: 2);
}
