global using CompensatedSum = Normalization.Kernels.Statistics.CompensatedSum<Normalization.Kernels.Simd.One>;

using System.Runtime.CompilerServices;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Statistics;

/// <summary>Σ a and Σ a·b; backward, Σ (dy - pivot) and Σ (dy - pivot) · x̂.</summary>
internal struct Sums
{
    public double Sum;
    public double Product;

    /// <summary>Backward: what the sums of dy were taken about.</summary>
    public double Pivot;

    /// <summary>Backward: Σ x̂, where x̂ does not sum to zero and a pivot needs it.</summary>
    public double Input;

    /// <summary>Whether there is nothing, or nothing that has not vanished below the smallest double.</summary>
    public readonly bool AreZero => Sum == 0 && Product == 0 && Pivot == 0;

    /// <summary>Whether doubles can compute coefficients of these sums, these statistics and a weight.</summary>
    public readonly bool AreInRange(in GroupStatistics statistics, double weight) =>
        NumericRange.Factors<double, One>(statistics.InverseStandardDeviation) && NumericRange.Factors<double, One>(weight)
        && NumericRange.Factors<double, One>(Sum) && NumericRange.Factors<double, One>(Product) && NumericRange.Factors<double, One>(Pivot)
        && NumericRange.Factors<double, One>(Input);

    /// <summary>Σ dy and Σ dy · x̂ of so many elements. A pivot that is not finite marks sums that were not taken about one.</summary>
    public readonly Sums AboutZero(nint count) =>
        double.IsFinite(Pivot)
            ? new() { Sum = Sum + (count * Pivot), Product = Product + (Pivot * Input) }
            : new() { Sum = Sum, Product = Product };

    public void Add(in Sums other)
    {
        Sum += other.Sum;
        Product += other.Product;
    }
}

/// <summary>Sums of many parts. What each addition rounds off is added at the end, so that many parts lose no digits.</summary>
internal struct TotalSums
{
    private CompensatedSum _sum;
    private CompensatedSum _product;

    public readonly Sums Value => new() { Sum = _sum.Value, Product = _product.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(in Sums part)
    {
        _sum.Add(part.Sum);
        _product.Add(part.Product);
    }
}

/// <summary>A sum, or several side by side, and what the additions have rounded off (Neumaier's).</summary>
internal struct CompensatedSum<TLanes> where TLanes : unmanaged, ILanes<TLanes>
{
    private TLanes _high;
    private TLanes _low;

    /// <summary>The sum, or the infinity or NaN that it has become.</summary>
    public readonly TLanes Value => _high + TLanes.Within(_low, double.MaxValue);

    /// <summary>What <see cref="Value"/> leaves of the sum.</summary>
    public readonly TLanes Rest => _low - (Value - _high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(TLanes term)
    {
        TLanes sum = _high + term, part = sum - _high;
        _low += _high - (sum - part) + (term - part);
        _high = sum;
    }
}
