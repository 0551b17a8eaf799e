namespace Normalization.Tests;

/// <summary>In steady state ranks allocate nothing to train together.</summary>
public sealed class SynchronizationAllocationTests
{
    private const int Rounds = 40;

    [Fact]
    public void A_steady_state_allocates_nothing()
    {
        var layer = new BatchNorm1d<float>(3);
        layer.Synchronize(new Echo());
        Tensor<float> input = Tensor<float>.RandomNormal([4, 3], seed: 1), output = new(4, 3), gradient = new(4, 3);
        Least(() =>
        {
            layer.Forward(input, output);
            layer.Backward(output, gradient);
        }).Should().Be(0);
    }

    [Fact]
    public void Exchanging_in_memory_allocates_nothing_in_the_steady_state() =>
        InMemoryCollective.Run(2, static ranks =>
        {
            double[] values = new double[40], gathered = new double[80];
            Least(() =>
            {
                ranks.AllGather(values, gathered);
                ranks.AllReduce(values);
            }).Should().Be(0);
        });

    // Every round runs, so that ranks stay together.
    private static long Least(Action call)
    {
        long least = long.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            call();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
