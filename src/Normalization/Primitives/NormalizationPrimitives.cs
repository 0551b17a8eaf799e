using Normalization.Kernels.Plans;

namespace Normalization;

/// <summary>
/// The kernels of the layers on spans, without state, for people with tensors and an autograd of their own: the counterpart of
/// <see cref="System.Numerics.Tensors.TensorPrimitives"/>.
/// </summary>
/// <remarks>
/// <para>
/// Data are dense and row-major: [n, c, s] with batch n, channels c and everything after them flattened to s (1 for [n, c]), or
/// [rows, width]. Sizes are plain integers; a size of 0 means nothing to do.
/// </para>
/// <para>
/// Arguments have one order everywhere: input (and the gradient of the output), sizes, γ and β, ε, outputs, statistics. Statistics are
/// saved in <see cref="double"/>, or in the element type for an autograd whose tensors all have one type; the element type costs digits. A
/// gradient without saved statistics computes them again.
/// </para>
/// <para>
/// An empty weight stands for ones, an empty bias for zeros, and an empty span for any statistics or parameter gradient means
/// that it is not wanted. Parameter gradients are added to; everything else is overwritten. An output may be exactly its input
/// (dx exactly dy), but must not overlap anything else. All arguments are checked before anything is written.
/// </para>
/// <para>
/// A NaN or an infinity makes its own group NaN and no other (with RmsNorm an infinity makes the finite elements of its row 0). A mean is
/// handed out as one double. The gradient of doubles loses digits by this rounding where |mean| is far above the deviation of its group;
/// the layers keep these digits. The results do not depend on the number of threads, on the width of the vectors or on alignment. All
/// methods may be called from any number of threads at once.
/// </para>
/// </remarks>
public static partial class NormalizationPrimitives
{
    // Statistics of this many groups are small enough for the stack.
    internal const int GroupsOnStack = 32;

    /// <summary>Checks every forward pass: the output has the size of the input and overlaps nothing, or is exactly the input.</summary>
    internal static void GuardForward<T>(
        ReadOnlySpan<T> x, Span<T> y, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias, string xName = "x", string yName = "y")
        where T : unmanaged
    {
        Guard.SameLength<T>(y, x, yName, xName);
        Guard.SameOrApart(y, x, yName, xName);
        Guard.Apart<T, T>(y, weight, yName, nameof(weight));
        Guard.Apart<T, T>(y, bias, yName, nameof(bias));
    }

    /// <summary>Checks every backward pass: dx may be exactly dy, and nothing else that is written overlaps anything.</summary>
    internal static void GuardBackward<T>(
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        string xName = "x",
        string dyName = "dy",
        string dxName = "dx")
        where T : unmanaged
    {
        Guard.SameLength(dy, x, dyName, xName);
        Guard.SameLength<T>(dx, x, dxName, xName);
        Guard.SameOrApart(dx, dy, dxName, dyName);
        Guard.Apart<T, T>(dx, x, dxName, xName);
        Guard.Apart<T, T>(dx, weight, dxName, nameof(weight));
        GuardWritten<T, T>(weightGradient, nameof(weightGradient), x, dy, dx, weight);
        GuardWritten<T, T>(biasGradient, nameof(biasGradient), x, dy, dx, weight);
        Guard.Apart<T, T>(weightGradient, biasGradient, nameof(weightGradient), nameof(biasGradient));
    }

    private static void GuardWritten<T, TOther>(
        ReadOnlySpan<T> written,
        string name,
        ReadOnlySpan<TOther> first,
        ReadOnlySpan<TOther> second,
        ReadOnlySpan<TOther> third = default,
        ReadOnlySpan<TOther> fourth = default)
        where T : unmanaged
        where TOther : unmanaged
    {
        const string Other = "another argument";
        Guard.Apart(written, first, name, Other);
        Guard.Apart(written, second, name, Other);
        Guard.Apart(written, third, name, Other);
        Guard.Apart(written, fourth, name, Other);
    }

    /// <summary>Checks every forward pass on spans.</summary>
    private static void GuardForward<T, TStatistics>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<T> y,
        Span<TStatistics> mean,
        Span<TStatistics> second,
        string sizes)
        where T : unmanaged
        where TStatistics : unmanaged
    {
        Guard.ElementType<T>();
        Guard.Epsilon(epsilon);
        Guard.Length(x, plan.Elements, nameof(x), sizes);
        Guard.LengthOrEmpty(weight, plan.Parameters, nameof(weight), "the number of parameters");
        Guard.LengthOrEmpty(bias, plan.Parameters, nameof(bias), "the number of parameters");
        GuardForward(x, y, weight, bias);
        GuardStatistics(plan, mean, nameof(mean), x, y, weight, bias);
        GuardStatistics(plan, second, "inverseStandardDeviation", x, y, weight, bias);
        Guard.Apart<TStatistics, TStatistics>(mean, second, nameof(mean), "inverseStandardDeviation");
    }

    private static void GuardStatistics<T, TStatistics>(
        in Plan plan, Span<TStatistics> statistics, string name, ReadOnlySpan<T> x, Span<T> y, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias)
        where T : unmanaged
        where TStatistics : unmanaged
    {
        Guard.LengthOrEmpty<TStatistics>(statistics, plan.StatisticsCount, name, "the number of groups");
        GuardWritten<TStatistics, T>(statistics, name, x, y, weight, bias);
    }

    /// <summary>The gate of every backward on spans.</summary>
    private static void GuardBackward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient,
        string sizes)
        where T : unmanaged
    {
        Guard.ElementType<T>();
        Guard.Length(x, plan.Elements, nameof(x), sizes);
        Guard.LengthOrEmpty(weight, plan.Parameters, nameof(weight), "the number of parameters");
        Guard.LengthOrEmpty<T>(weightGradient, plan.Parameters, nameof(weightGradient), "the number of parameters");
        Guard.LengthOrEmpty<T>(biasGradient, plan.Parameters, nameof(biasGradient), "the number of parameters");
        GuardBackward(x, dy, weight, dx, weightGradient, biasGradient);
    }

    /// <summary>The gate of a mean and a variance that a pass is given, and of what it writes.</summary>
    private static void GuardGiven<T>(
        in Plan plan,
        ReadOnlySpan<T> mean,
        ReadOnlySpan<T> variance,
        Span<T> output,
        string outputName,
        Span<T> weightGradient = default,
        Span<T> biasGradient = default)
        where T : unmanaged
    {
        Guard.Length(mean, plan.StatisticsCount, nameof(mean), "c");
        Guard.Length(variance, plan.StatisticsCount, nameof(variance), "c");
        GuardWritten<T, T>(output, outputName, mean, variance);
        GuardWritten<T, T>(weightGradient, nameof(weightGradient), mean, variance);
        GuardWritten<T, T>(biasGradient, nameof(biasGradient), mean, variance);
    }
}
