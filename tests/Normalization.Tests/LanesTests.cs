using Normalization.Kernels.Simd;

namespace Normalization.Tests;

public class LanesTests
{
    private static readonly double[] _values =
    [
        0, -0.0, 1, -1, 1.0 / 3, 12345.678, -1e4, 4, 1e-30, -1e30, 1e38, 3.5e38, -1e300, double.MaxValue, double.Epsilon, 1e-40, -1e-310,
        double.PositiveInfinity, double.NegativeInfinity, double.NaN,
    ];

    /// <summary>What is computed four at a time must not depend on who the neighbors are.</summary>
    [Fact]
    public unsafe void Four_lanes_have_the_bits_that_each_has_alone()
    {
        Same(static (a, b) => a + b, static (a, b) => a + b);
        Same(static (a, b) => a - b, static (a, b) => a - b);
        Same(static (a, b) => a * b, static (a, b) => a * b);
        Same(static (a, b) => a / b, static (a, b) => a / b);
        Same(static (a, _) => -a, static (a, _) => -a);
        Same(static (a, _) => One.Abs(a), static (a, _) => Four.Abs(a));
        Same(static (a, _) => One.NotNegative(a), static (a, _) => Four.NotNegative(a));
        Same(static (a, _) => One.ReciprocalSqrt(a), static (a, _) => Four.ReciprocalSqrt(a));
        Same(static (a, _) => One.Within(a, 1e30), static (a, _) => Four.Within(a, 1e30));
        Same(static (a, _) => One.Round<float>(a), static (a, _) => Four.Round<float>(a));
        Same(static (a, _) => One.Round<double>(a), static (a, _) => Four.Round<double>(a));
    }

    /// <summary>Machines differ in what they give for NaN and for two zeros.</summary>
    [Fact]
    public unsafe void The_larger_and_the_smaller_of_four_numbers_are_those_of_each()
    {
        Same(static (a, b) => OfNumbers(a, b, One.MaxNative), static (a, b) => OfNumbers(a, b, Four.MaxNative));
        Same(static (a, b) => OfNumbers(a, b, One.MinNative), static (a, b) => OfNumbers(a, b, Four.MinNative));
        One.MaxNative(-3, 2).Should().Be((One)2);
        One.MinNative(-3, 2).Should().Be((One)(-3));

        static TLanes OfNumbers<TLanes>(TLanes a, TLanes b, Func<TLanes, TLanes, TLanes> choose) where TLanes : unmanaged, ILanes<TLanes> =>
            choose(TLanes.Within(a, double.MaxValue), TLanes.Within(b, double.MaxValue)) + 0;
    }

    [Fact]
    public unsafe void A_question_to_four_lanes_asks_each_of_them()
    {
        foreach (double value in _values)
        {
            double[] others = [1, 2, 3, 4];
            for (int lane = 0; lane < Four.Count; lane++)
            {
                double[] lanes = [.. others];
                lanes[lane] = value;
                fixed (double* source = lanes)
                {
                    var four = Four.Load(source);
                    Four.AreAtMost(four, 4).Should().Be(One.AreAtMost(value, 4));
                    Four.AreAtMost(1, four).Should().Be(One.AreAtMost(1, value));
                    Four.AreZeroOrBetween(four, 1e-30, 1e30).Should().Be(One.AreZeroOrBetween(value, 1e-30, 1e30));
                    Four.AreNumbers(four).Should().Be(One.AreNumbers(value));
                    Four.First(four).Should().Be(lanes[0]);
                }
            }
        }
    }

    [Fact]
    public unsafe void Four_lanes_read_and_write_what_lies_a_step_apart()
    {
        double[] doubles = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], scattered = new double[10];
        float[] floats = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], stored = new float[5];
        fixed (double* pd = doubles, ps = scattered)
        fixed (float* pf = floats, pt = stored)
        {
            Four.Scatter(ps, 3, Four.Gather(pd, 3));
            Four.StoreElements(pt, Four.GatherElements(pf, 2));
        }
        scattered.Should().Equal(1, 0, 0, 4, 0, 0, 7, 0, 0, 10);
        stored.Should().Equal(1, 3, 5, 7, 0);
    }

    private static unsafe void Same(Func<One, One, One> one, Func<Four, Four, Four> four)
    {
        double* result = stackalloc double[Four.Count];
        double[] left = new double[Four.Count], right = new double[Four.Count];
        for (int i = 0; i < _values.Length * _values.Length; i++)
        {
            for (int lane = 0; lane < Four.Count; lane++)
            {
                left[lane] = _values[(i + (lane * 7)) % _values.Length];
                right[lane] = _values[((i / _values.Length) + (lane * 3)) % _values.Length];
            }
            fixed (double* a = left, b = right)
            {
                Four.Scatter(result, 1, four(Four.Gather(a, 1), Four.Load(b)));
                for (int lane = 0; lane < Four.Count; lane++)
                {
                    double expected = one(left[lane], right[lane]);
                    Bits(result[lane]).Should().Be(Bits(expected), "{0} and {1}", left[lane], right[lane]);
                }
            }
        }
    }

    // Which NaN it is does not matter: no result shows it.
    private static long Bits(double value) => double.IsNaN(value) ? -1 : BitConverter.DoubleToInt64Bits(value);
}
