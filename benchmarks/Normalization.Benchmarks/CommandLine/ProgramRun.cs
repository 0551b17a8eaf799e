namespace Normalization.Programs;

/// <summary>Runs a program. Where its output is closed or the disk is full, it ends with a line that says so, not with a stack trace.</summary>
internal static class ProgramRun
{
    /// <summary>The exit code of a program that could not write its output.</summary>
    public const int OutputFailed = 3;

    public static int ExitCodeOf(Func<int> program)
    {
        try
        {
            return program();
        }
        catch (Exception exception) when (OutputFailureIn(exception) is not null)
        {
            Say($"error: reading or writing failed: {OutputFailureIn(exception)!.Message}");
            return OutputFailed;
        }
    }

    /// <summary>The failed output, which may be that of one rank of several: the others fail because that one has left.</summary>
    private static Exception? OutputFailureIn(Exception exception) => exception switch
    {
        AggregateException ranks => ranks.Flatten().InnerExceptions.Select(OutputFailureIn).FirstOrDefault(static failure => failure is not null),
        IOException or UnauthorizedAccessException => exception,
        _ => null,
    };

    private static void Say(string line)
    {
        try
        {
            Console.Error.WriteLine(line);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The error stream is closed too: the exit code says it alone.
        }
    }
}
