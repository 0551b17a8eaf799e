namespace Normalization.Training;

/// <summary>Something the person who started the program can put right: one line on the error output and exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
