using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Normalization.Kernels.Simd;

/// <content>Records and vectors whose numbers change places, so that the numbers of one kind lie in one vector.</content>
internal readonly unsafe partial struct One
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadRecords(double* source, out One first, out One second, out One third, out One fourth) =>
        (first, second, third, fourth) = (source[0], source[1], source[2], source[3]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreRecords(double* destination, One first, One second, One third, One fourth) =>
        (destination[0], destination[1], destination[2], destination[3]) = (first, second, third, fourth);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One SumsOfFours(float* source, int fours)
    {
        Vector128<float> sums = Sum(source, fours);
        return (double)sums[0] + sums[2] + ((double)sums[1] + sums[3]);
    }

    /// <summary>The sum of one, two or four vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sum(float* source, int fours)
    {
        Vector128<float> sum = Vector128.Load(source);
        if (fours > 1)
            sum += Vector128.Load(source + 16);
        return fours > 2 ? sum + (Vector128.Load(source + 32) + Vector128.Load(source + 48)) : sum;
    }
}

internal readonly unsafe partial struct Four
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadRecords(double* source, out Four first, out Four second, out Four third, out Four fourth)
    {
        Vector256<double> a = Vector256.Load(source), b = Vector256.Load(source + 4);
        Vector256<double> c = Vector256.Load(source + 8), d = Vector256.Load(source + 12);
        Square.Transpose(ref a, ref b, ref c, ref d);
        (first, second, third, fourth) = (new(a), new(b), new(c), new(d));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreRecords(double* destination, Four first, Four second, Four third, Four fourth)
    {
        (Vector256<double> a, Vector256<double> b) = (first._value, second._value);
        (Vector256<double> c, Vector256<double> d) = (third._value, fourth._value);
        Square.Transpose(ref a, ref b, ref c, ref d);
        a.Store(destination);
        b.Store(destination + 4);
        c.Store(destination + 8);
        d.Store(destination + 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four SumsOfFours(float* source, int fours)
    {
        Vector128<float> a = One.Sum(source, fours), b = One.Sum(source + 4, fours);
        Vector128<float> c = One.Sum(source + 8, fours), d = One.Sum(source + 12, fours);
        Square.Transpose(ref a, ref b, ref c, ref d);
        return new(Precision.Widen(a) + Precision.Widen(c) + (Precision.Widen(b) + Precision.Widen(d)));
    }
}
