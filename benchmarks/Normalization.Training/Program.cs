using Normalization.Programs;
using Normalization.Training;
using Normalization.Training.Commands;

using var cancellation = new CancellationTokenSource();
Console.CancelKeyPress += (_, key) =>
{
    // The first Ctrl-C ends the program at the next step; a second one ends it as usual.
    key.Cancel = !cancellation.IsCancellationRequested;
    cancellation.Cancel();
};

return ProgramRun.ExitCodeOf(() =>
{
    try
    {
        TrainingCommands.Run(args, cancellation.Token);
        return 0;
    }
    catch (UsageException e)
    {
        Console.Error.WriteLine($"error: {e.Message}");
        return 2;
    }
    catch (OperationCanceledException)
    {
        Console.Error.WriteLine("Stopped by Ctrl-C; what was not finished was not written.");
        return 130;
    }
});
