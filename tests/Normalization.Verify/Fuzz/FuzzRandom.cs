using System.Numerics;

namespace Normalization.Verify.Fuzz;

/// <summary>The choices of one case.</summary>
internal sealed class FuzzRandom(int seed, int number)
{
    private readonly Random _random = new(HashCode(seed, number));

    public int Below(int limit) => _random.Next(limit);

    public bool Chance(double probability) => _random.NextDouble() < probability;

    public TItem Of<TItem>(params ReadOnlySpan<TItem> items) => items[_random.Next(items.Length)];

    /// <summary>A small size, now and then 0 and now and then larger than a vector.</summary>
    public int Size() => Chance(0.05) ? 0 : Chance(0.2) ? 1 + Below(40) : 1 + Below(6);

    public int[] Shape(int rank)
    {
        int[] shape = new int[rank];
        for (int i = 0; i < rank; i++)
            shape[i] = i >= 3 ? 1 + Below(3) : Size();
        return shape;
    }

    /// <summary>Fills with one of several kinds of data; true if all of it is finite.</summary>
    public bool Fill<T>(Span<T> data) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        (double center, double spread) = Of<(double, double)>((0, 1), (0, 1), (100, 1), (0, 1e15), (7, 0), (0, 1e-18));
        foreach (ref T element in data)
            element = T.CreateTruncating(center + (spread * ((2 * _random.NextDouble()) - 1)));
        if (data.IsEmpty || !Chance(0.15))
            return true;
        for (int i = 1 + Below(3); i > 0; i--)
            data[Below(data.Length)] = Of(T.NaN, -T.NaN, Payload<T>(), T.PositiveInfinity, T.NegativeInfinity);
        return false;
    }

    private static T Payload<T>() where T : unmanaged, IBinaryFloatingPointIeee754<T> => typeof(T) == typeof(float)
        ? T.CreateTruncating(BitConverter.UInt32BitsToSingle(0xFFBADBAD))
        : T.CreateTruncating(BitConverter.UInt64BitsToDouble(0x7FF00000DEADBEEF));

    // System.HashCode is different in every process.
    private static int HashCode(int seed, int number) => unchecked((seed * 0x2C1B3C6D) ^ (number * 0x297A2D39) ^ (number >>> 15));
}
