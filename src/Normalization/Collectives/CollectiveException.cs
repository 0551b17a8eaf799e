namespace Normalization;

/// <summary>Ranks could not exchange what they had to: they disagree, one has left, or the transport failed.</summary>
public sealed class CollectiveException : Exception
{
    /// <summary>Creates an exception without a message of its own.</summary>
    public CollectiveException()
    {
    }

    /// <summary>Creates an exception that says what happened.</summary>
    /// <param name="message">What happened, and on which rank.</param>
    public CollectiveException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception that says what happened and why.</summary>
    /// <param name="message">What happened, and on which rank.</param>
    /// <param name="innerException">Why.</param>
    public CollectiveException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
