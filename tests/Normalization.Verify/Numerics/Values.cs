using System.Numerics;

namespace Normalization.Verify.Numerics;

/// <summary>Numbers that are the same on every machine: element i of a seed is a function of both and of nothing else.</summary>
internal static class Values
{
    /// <summary>Fills with numbers spread evenly over [center - spread, center + spread).</summary>
    public static void Fill<T>(Span<T> destination, ulong seed, double center = 0, double spread = 1.75)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = T.CreateTruncating(center + (spread * Uniform(seed, (ulong)i)));
    }

    /// <summary>A number in [-1, 1).</summary>
    public static double Uniform(ulong seed, ulong index)
    {
        // The output function of SplitMix64.
        ulong bits = (seed * 0xD1342543DE82EF95) + ((index + 1) * 0x9E3779B97F4A7C15);
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
        return ((bits ^ (bits >> 31)) >> 11) * (2.0 / (1L << 53)) - 1;
    }

    public static double[] ToDoubles<T>(ReadOnlySpan<T> source) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double[] result = new double[source.Length];
        for (int i = 0; i < result.Length; i++)
            result[i] = double.CreateTruncating(source[i]);
        return result;
    }
}
