using System.Globalization;
using Normalization.Kernels.Simd;

namespace Normalization.Verify.Numerics;

/// <summary>Measures the library's own exp, tanh and erf, in units in the last place.</summary>
internal static class ElementaryCheck
{
    /// <summary>The limit of every function, for floats and doubles.</summary>
    public const double Limit = 2;

    private const int BlockLength = 1 << 16;

    // Where e to this power ends to be a double: the smallest one, and the largest one.
    private const double LeastExponent = 746, MostExponent = 709.7;

    /// <summary>Every float, or one of so many; and doubles that are drawn.</summary>
    public static bool Check(TextWriter output, int step, int doubles)
    {
        bool isKept = true;
        foreach (ElementaryFunction function in ElementaryFunction.All)
        {
            Worst floats = OfFloats(function, step), drawn = OfDoubles(function, doubles, 1);
            isKept &= floats.Ulps <= Limit && drawn.Ulps <= Limit;
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{function.Name,-5} float {floats.Ulps:F3} ulp at {floats.At:R}, double {drawn.Ulps:F3} ulp at {drawn.At:R}"));
        }
        output.WriteLine(isKept ? "all within 2 units in the last place" : "NOT within 2 units in the last place");
        return isKept;
    }

    /// <summary>The worst error over all floats, or over one of so many of them.</summary>
    public static Worst OfFloats(ElementaryFunction function, int step)
    {
        const long Floats = 1L << 32;
        var gate = new Lock();
        Worst worst = default;
        long blocks = ((Floats / step) + BlockLength - 1) / BlockLength;
        Parallel.For(0, blocks, block =>
        {
            var x = new float[BlockLength];
            var y = new float[BlockLength];
            for (int i = 0; i < BlockLength; i++)
                x[i] = BitConverter.UInt32BitsToSingle((uint)((((block * BlockLength) + i) * step) % Floats));
            function.Run<Float256, float>(x, y);
            Worst own = default;
            for (int i = 0; i < BlockLength; i++)
                own = own.Max(new(x[i], Ulps(y[i], function.Reference(x[i]), float.Epsilon, -126, 23)));
            lock (gate)
                worst = worst.Max(own);
        });
        return worst;
    }

    /// <summary>The worst error over doubles of all sizes at which the function is neither 1 nor its argument.</summary>
    public static Worst OfDoubles(ElementaryFunction function, int count, int seed)
    {
        var random = new Random(seed);
        double[] x = new double[count], y = new double[count];
        for (int i = 0; i < count; i++)
        {
            double sign = random.Next(2) == 0 ? 1 : -1, most = function.IsOdd ? 7 : sign < 0 ? LeastExponent : MostExponent;
            x[i] = sign * (i % 2 == 0 ? random.NextDouble() * most : Math.ScaleB(1 + random.NextDouble(), random.Next(-30, 3)));
        }
        function.Run<Double256<double>, double>(x, y);
        Worst worst = default;
        for (int i = 0; i < count; i++)
        {
            DoubleDouble exact = function.Exact(x[i]);
            double error = Math.Abs((double)(exact - y[i])) / Ulp((double)exact, double.Epsilon, -1022, 52);
            worst = worst.Max(new(x[i], double.IsNaN(error) ? double.PositiveInfinity : error));
        }
        return worst;
    }

    private static double Ulps(double actual, double exact, double smallest, int leastExponent, int digits)
    {
        if (double.IsNaN(exact) || double.IsNaN(actual))
            return double.IsNaN(exact) && double.IsNaN(actual) ? 0 : double.PositiveInfinity;
        if (double.IsInfinity(actual))
            return exact.Equals(actual) || Math.Abs(exact) >= Math.ScaleB(1 - Math.ScaleB(1, -digits - 2), 128) ? 0 : double.PositiveInfinity;
        return Math.Abs(actual - exact) / Ulp(exact, smallest, leastExponent, digits);
    }

    private static double Ulp(double value, double smallest, int leastExponent, int digits) =>
        value == 0 || Math.ILogB(value) < leastExponent ? smallest : Math.ScaleB(1, Math.ILogB(value) - digits);

    /// <summary>An error in units in the last place, and the argument that has it.</summary>
    internal readonly record struct Worst(double At, double Ulps)
    {
        public Worst Max(Worst other) => other.Ulps > Ulps ? other : this;
    }
}
