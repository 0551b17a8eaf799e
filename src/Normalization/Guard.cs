using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;

namespace Normalization;

/// <summary>
/// Checks all that the kernels are given, before anything is written. A check only compares; its message is made in another method, because
/// the code of a message would make each method large that the check is compiled into.
/// </summary>
internal static class Guard
{
    public static void ElementType<T>()
    {
        if (typeof(T) != typeof(float) && typeof(T) != typeof(double))
            throw new NotSupportedException($"Normalization works on float and double, not on {typeof(T).Name}.");
    }

    /// <summary>The exception for an input that the layer does not accept.</summary>
    public static ArgumentException InputError(string message, string name = "input") => new(message, name);

    public static void Positive(int value, [CallerArgumentExpression(nameof(value))] string? name = null)
    {
        if (value <= 0)
            throw OutOfRange(value, "must be positive", name);
    }

    public static void NotNegative(long value, [CallerArgumentExpression(nameof(value))] string? name = null)
    {
        if (value < 0)
            throw OutOfRange(value, "must not be negative", name);
    }

    public static void AtMost(int value, int most, [CallerArgumentExpression(nameof(value))] string? name = null)
    {
        if (value > most)
            throw new ArgumentOutOfRangeException(name, $"{name} must be at most {most}, got {value}.");
    }

    public static double Finite(double value, string name) => double.IsFinite(value)
        ? value
        : throw OutOfRange(value, "must be finite", name);

    public static void Epsilon(double epsilon)
    {
        if (!(epsilon >= 0 && double.IsFinite(epsilon)))
            throw OutOfRange(epsilon, "must be finite and not negative", nameof(epsilon));
    }

    /// <summary>Checks the window of a local response and what its squares become.</summary>
    public static void Window(int size, double alpha, double beta, double k, EvenWindow evenWindow)
    {
        Positive(size);
        if (!(alpha >= 0 && double.IsFinite(alpha)))
            throw new ArgumentOutOfRangeException(nameof(alpha), $"alpha must be finite and not negative, got {alpha}.");
        if (!(beta is >= 0 and <= 2))
            throw new ArgumentOutOfRangeException(nameof(beta), $"beta must lie in [0, 2], got {beta}.");
        if (!(k > 0 && double.IsNormal(k)))
        {
            throw new ArgumentOutOfRangeException(
                nameof(k), $"k must be finite and greater than 0, got {k}: a window of zeros would be divided by 0.");
        }
        if (evenWindow is not (EvenWindow.MoreBefore or EvenWindow.MoreAfter))
            throw new ArgumentOutOfRangeException(nameof(evenWindow), $"evenWindow must be MoreBefore or MoreAfter, got {evenWindow}.");
    }

    public static ChannelAxis Axis(ChannelAxis axis, [CallerArgumentExpression(nameof(axis))] string? name = null) =>
        axis is ChannelAxis.First or ChannelAxis.Last
            ? axis
            : throw new ArgumentOutOfRangeException(name, $"{name} must be First or Last, got {axis}.");

    public static void Momentum(double? momentum)
    {
        if (momentum is double value && !(value >= 0 && value <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(momentum), $"momentum must lie in [0, 1], got {value}; null means the cumulative average.");
        }
    }

    public static void Length<T>(ReadOnlySpan<T> span, long expected, string name, string meaning)
    {
        if (span.Length != expected)
            throw WrongLength(span.Length, expected, name, meaning);
    }

    public static void SameLength<T>(ReadOnlySpan<T> span, ReadOnlySpan<T> other, string name, string otherName)
    {
        if (span.Length != other.Length)
            throw OtherLength(span.Length, other.Length, name, otherName);
    }

    public static void LengthOrEmpty<T>(ReadOnlySpan<T> span, long expected, string name, string meaning)
    {
        if (!span.IsEmpty && span.Length != expected)
            throw WrongLength(span.Length, expected, name, meaning, "no elements or ");
    }

    /// <summary>The output may be the input exactly, element for element, but not shifted against it.</summary>
    public static void SameOrApart<T>(ReadOnlySpan<T> output, ReadOnlySpan<T> input, string outputName, string inputName)
    {
        if (output.Overlaps(input, out int offset) && (offset != 0 || output.Length != input.Length))
            throw PartialOverlap(outputName, inputName);
    }

    public static void Apart<T, TOther>(ReadOnlySpan<T> output, ReadOnlySpan<TOther> other, string outputName, string otherName)
        where T : unmanaged
        where TOther : unmanaged
    {
        if (RawMemory.Overlap(output, other))
            throw NotApart(outputName, otherName);
    }

    private static ArgumentOutOfRangeException OutOfRange<T>(T value, string demand, string? name) =>
        new(name, $"{name} {demand}, got {value}.");

    private static ArgumentException WrongLength(int length, long expected, string name, string meaning, string alternative = "") =>
        new($"{name} must have {alternative}{meaning} = {expected} elements, got {length}.", name);

    private static ArgumentException OtherLength(int length, int expected, string name, string otherName) =>
        new($"{name} must be as long as {otherName}, which has {expected} elements, got {length}.", name);

    private static ArgumentException PartialOverlap(string outputName, string inputName) =>
        new($"{outputName} partly overlaps {inputName}; it must be the same memory or entirely different memory.", outputName);

    private static ArgumentException NotApart(string outputName, string otherName) =>
        new($"{outputName} must not overlap {otherName}.", outputName);
}
