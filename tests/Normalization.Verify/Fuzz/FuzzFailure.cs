namespace Normalization.Verify.Fuzz;

/// <summary>A promise that a case broke. Equal messages are counted together.</summary>
internal sealed class FuzzFailure(string message) : Exception(message)
{
    public static void Require(bool condition, string message)
    {
        if (!condition)
            throw new FuzzFailure(message);
    }
}

/// <summary>What a call has to do.</summary>
[Flags]
internal enum Outcome
{
    Success = 0,
    Argument = 1,
    Order = 2,
}

internal static class Outcomes
{
    /// <summary>Makes a call that must end in one of the expected ways; true if it threw, as it had to.</summary>
    public static bool Throws(this Outcome expected, string what, Action call)
    {
        Exception? thrown = null;
        try
        {
            call();
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            thrown = exception;
        }
        catch (Exception exception) when (exception is not FuzzFailure)
        {
            throw new FuzzFailure($"{what}: undocumented {exception.GetType().Name} instead of {expected}");
        }
        Outcome actual = thrown switch
        {
            null => Outcome.Success,
            ArgumentException => Outcome.Argument,
            _ => Outcome.Order,
        };
        bool isExpected = expected == Outcome.Success ? actual == Outcome.Success : (actual & expected) != 0;
        if (!isExpected)
            throw new FuzzFailure($"{what}: {actual} instead of {expected}{(thrown is null ? "" : $" ({Shortened(thrown.Message)})")}");
        return thrown is not null;
    }

    // Numbers differ from case to case; without them equal failures have equal messages.
    private static string Shortened(string message)
    {
        string text = string.Concat(message.Split('\n')[0].Where(letter => !char.IsDigit(letter)));
        return text.Length > 90 ? text[..90] : text;
    }
}
