using System.Runtime.CompilerServices;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization.Kernels.Loops;

/// <summary>
/// The elements of a group that needs a <see cref="HardGradient"/>: units of slices with a weight each, or one row with a weight for
/// each element. They are computed one after another, which is rare and slow.
/// </summary>
internal readonly unsafe struct HardGroup
{
    // Exponents that stand for "not finite" and "all zero": above and below those of all products.
    private const int NotFinite = 1 << 14;
    private const int AllZero = -1 << 13;
    private const int Bound = 1 << 12;

    public double* Input { get; init; }

    public double* OutputGradient { get; init; }

    /// <summary>The weights, or null for ones.</summary>
    public double* Weight { get; init; }

    public nint Units { get; init; }

    public nint UnitStride { get; init; }

    public SliceSet Unit { get; init; }

    public bool IsElementwise { get; init; }

    public GroupStatistics Statistics { get; init; }

    /// <summary>Whether x̂ sums to zero over these elements, and the mean of g is subtracted.</summary>
    public bool IsCentered { get; init; }

    private nint Elements => Units * Unit.Elements;

    /// <summary>Whether every dy is zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public bool IsZero()
    {
        for (nint i = 0; i < Elements; i++)
        {
            if (OutputGradient[IndexOf(i)] != 0)
                return false;
        }
        return true;
    }

    /// <summary>
    /// What is subtracted of g; with Σ dy and Σ dy · x̂ given, where these sums run over more elements than there are here.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public HardGradient Gradient(in Sums given = default, double givenCount = 0)
    {
        int exponent = AllZero;
        for (nint i = 0; i < Elements; i++)
            exponent = Math.Max(exponent, ExponentOf(WeightOf(i)) + ExponentOf(OutputGradient[IndexOf(i)]));
        double weight = Weight == null ? 1 : *Weight;
        if (givenCount > 0)
        {
            int means = Math.Max(ExponentOf(given.Sum / givenCount), ExponentOf(given.Product / givenCount));
            exponent = Math.Max(exponent, ExponentOf(weight) + means);
        }
        if (exponent >= Bound)
            return new() { Mean = double.NaN };
        if (exponent <= -Bound)
            return default;
        if (givenCount > 0)
        {
            return new()
            {
                Exponent = exponent,
                Mean = Scaled(given.Sum / givenCount, weight, exponent, 0),
                Slope = Scaled(given.Product / givenCount, weight, exponent, 0),
            };
        }
        CompensatedSum sum = default, product = default;
        for (nint i = 0; i < Elements && IsCentered; i++)
        {
            double weightOf = WeightOf(i), dy = OutputGradient[IndexOf(i)], g = Scaled(dy, weightOf, exponent, 0);
            sum.Add(g);
            sum.Add(Scaled(dy, weightOf, exponent, g));
        }
        double mean = sum.Value / Elements, rest = (Math.FusedMultiplyAdd(-mean, Elements, sum.Value) + sum.Rest) / Elements;
        for (nint i = 0; i < Elements; i++)
        {
            nint index = IndexOf(i);
            product.Add((Scaled(OutputGradient[index], WeightOf(i), exponent, mean) - rest) * Normalized(Statistics, Input[index]));
        }
        return new() { Exponent = exponent, Mean = mean, MeanRest = rest, Slope = product.Value / Elements };
    }

    /// <summary>Σ dy and Σ dy · x̂, without the weights and marked as taken about no pivot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public Sums Sums()
    {
        HardGradient gradient = (this with { Weight = null }).Gradient();
        CompensatedSum sum = default;
        for (nint i = 0; i < Elements; i++)
            sum.Add(Scaled(OutputGradient[IndexOf(i)], 1, gradient.Exponent, 0));
        return double.IsNaN(gradient.Mean)
            ? new() { Sum = PlainSum(), Product = double.NaN, Pivot = double.NaN }
            : new()
            {
                Sum = Math.ScaleB(sum.Value, gradient.Exponent),
                Product = Math.ScaleB(gradient.Slope * Elements, gradient.Exponent),
                Pivot = double.NaN,
            };
    }

    /// <summary>dx of some neighboring elements, with a weight for each or, if the step is 0, one for all.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Write<T>(
        in HardGradient gradient, in GroupStatistics statistics, T* input, T* outputGradient,
        double* weight, nint weightStep, in Target<T> target)
        where T : unmanaged
    {
        double* x = (double*)input, dy = (double*)outputGradient, dx = (double*)target.Output;
        double r = statistics.InverseStandardDeviation;
        int exponent = r == 0 ? 0 : Math.ILogB(r);
        double factor = Math.ScaleB(r, -exponent);
        for (nint i = 0; i < target.Length; i++)
        {
            double g = Scaled(dy[i], weight == null ? 1 : weight[i * weightStep], gradient.Exponent, gradient.Mean) - gradient.MeanRest;
            double rest = Math.FusedMultiplyAdd(-Normalized(statistics, x[i]), gradient.Slope, g);
            dx[i] = double.IsNaN(gradient.Mean) ? double.NaN : Math.ScaleB(rest * factor, gradient.Exponent + exponent);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Normalized(in GroupStatistics statistics, double x) =>
        (x - statistics.Mean - statistics.MeanLow) * statistics.InverseStandardDeviation;

    /// <summary>dy · weight · 2^-exponent - subtracted, with one rounding.</summary>
    private static double Scaled(double dy, double weight, int exponent, double subtracted)
    {
        int power = ExponentOf(weight);
        return power == AllZero
            ? -subtracted
            : Math.FusedMultiplyAdd(Math.ScaleB(weight, -power), Math.ScaleB(dy, power - exponent), -subtracted);
    }

    private static int ExponentOf(double value) => !double.IsFinite(value) ? NotFinite : value == 0 ? AllZero : Math.ILogB(value);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private double PlainSum()
    {
        double sum = 0;
        for (nint i = 0; i < Elements; i++)
            sum += OutputGradient[IndexOf(i)];
        return sum;
    }

    private double WeightOf(nint element) => Weight == null ? 1 : Weight[IsElementwise ? element : element / Unit.Elements];

    private nint IndexOf(nint element)
    {
        if (Units * Unit.Slices == 1)
            return element;
        (nint unit, nint inUnit) = (element / Unit.Elements, element % Unit.Elements);
        return (unit * UnitStride) + (inUnit / Unit.Length * Unit.Stride) + (inUnit % Unit.Length);
    }
}
