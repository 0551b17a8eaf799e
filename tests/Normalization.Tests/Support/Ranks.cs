namespace Normalization.Tests;

/// <summary>Threads as ranks, for tests in which they would wait for ever if something were wrong.</summary>
internal static class Ranks
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    /// <summary>Runs a body on each rank; a rank that still waits after a minute fails the test.</summary>
    public static void OnEachOf(int size, Action<ICollective> body) => InTime(() => InMemoryCollective.Run(size, body));

    public static void InTime(Action call)
    {
        Task task = Task.Factory.StartNew(call, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Task.WaitAny([task], _patience).Should().Be(0, "no rank may wait for ever");
        task.GetAwaiter().GetResult();
    }
}
