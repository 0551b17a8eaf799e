using System.Runtime.Intrinsics;

namespace Normalization.Training.Networks;

/// <summary>Sums and exponentials of floats that give the same bits at every vector width and on every machine.</summary>
internal static class Elementary
{
    private const float MostExponent = 88, LeastExponent = -87;
    private const float Log2E = 1.44269504f, Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;

    private static ReadOnlySpan<float> Coefficients =>
        [1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f];

    /// <summary>y = eˣ to about 2 units in the last place; beyond the range of float its ends.</summary>
    public static void Exp(ReadOnlySpan<float> x, Span<float> y)
    {
        Span<float> padded = stackalloc float[Vector256<float>.Count];
        for (int i = 0; i < x.Length; i += Vector256<float>.Count)
        {
            int count = Math.Min(Vector256<float>.Count, x.Length - i);
            padded.Clear();
            x.Slice(i, count).CopyTo(padded);
            Exp(Vector256.Create<float>(padded)).CopyTo(padded);
            padded[..count].CopyTo(y[i..]);
        }
    }

    public static void Sigmoid(ReadOnlySpan<float> x, Span<float> y)
    {
        for (int i = 0; i < x.Length; i++)
            y[i] = -x[i];

        Exp(y, y);
        for (int i = 0; i < y.Length; i++)
            y[i] = 1 / (1 + y[i]);
    }

    public static void Tanh(ReadOnlySpan<float> x, Span<float> y)
    {
        for (int i = 0; i < x.Length; i++)
            y[i] = 2 * x[i];

        Exp(y, y);
        for (int i = 0; i < y.Length; i++)
            y[i] = 1 - 2 / (y[i] + 1);
    }

    /// <summary>The sum in eight lanes, and then over the lanes from the first to the last.</summary>
    public static float Sum(ReadOnlySpan<float> x)
    {
        Vector256<float> lanes = default;
        int whole = x.Length - x.Length % Vector256<float>.Count;
        for (int i = 0; i < whole; i += Vector256<float>.Count)
            lanes += Vector256.Create(x[i..]);

        float sum = 0;
        for (int i = 0; i < Vector256<float>.Count; i++)
            sum += lanes[i];

        foreach (float value in x[whole..])
            sum += value;

        return sum;
    }

    private static Vector256<float> Exp(Vector256<float> x)
    {
        Vector256<float> most = Vector256.Create(MostExponent), least = Vector256.Create(LeastExponent);
        Vector256<float> inside = Vector256.ConditionalSelect(Vector256.GreaterThan(x, most), most, x);
        inside = Vector256.ConditionalSelect(Vector256.LessThan(inside, least), least, inside);
        inside = Vector256.ConditionalSelect(Vector256.Equals(x, x), inside, Vector256<float>.Zero);

        // eˣ = 2ⁿ·eʳ with |r| <= ln(2)/2, and a polynomial for eʳ (that of the Cephes library).
        Vector256<float> n = Vector256.Floor(inside * Log2E + Vector256.Create(0.5f));
        Vector256<float> r = inside - n * Ln2High - n * Ln2Low;
        Vector256<float> p = Vector256.Create(1.9875691500e-4f);
        foreach (float coefficient in Coefficients)
            p = p * r + Vector256.Create(coefficient);

        p = p * (r * r) + r + Vector256<float>.One;
        Vector256<float> power = ((Vector256.ConvertToInt32(n) + Vector256.Create(127)) << 23).AsSingle();
        return Vector256.ConditionalSelect(Vector256.Equals(x, x), p * power, x);
    }
}
