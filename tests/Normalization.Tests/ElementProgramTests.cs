using System.Numerics;
using Normalization.Kernels;
using Normalization.Kernels.Families;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Tests;

/// <summary>A source and an epilogue in the loops of forward, beside the plain ones: x + residual before the norm, their sum and ReLU behind it.</summary>
public sealed unsafe class ElementProgramTests
{
    /// <summary>n, c, s and groups of BatchNorm (0 groups) and GroupNorm, or rows and width: every family, with tails, parts and several segments.</summary>
    public static TheoryData<int, int, int, int> Shapes => new()
    {
        { 70, 37, 1, 0 }, { 5, 40, 9, 0 }, { 3, 5, 301, 0 }, { 2, 2, 20000, 0 }, { 2, 6, 45, 3 }, { 13, 101, 0, 0 }, { 5, 7, 0, 0 }, { 9, 20001, 0, 0 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_source_and_an_epilogue_give_the_bits_of_separate_passes(int n, int c, int s, int groups)
    {
        foreach (int width in (int[])[128, 256, 512])
        {
            Check<float, Float128, Double128<float>>(width == 128, n, c, s, groups);
            Check<float, Float256, Double256<float>>(width == 256, n, c, s, groups);
            Check<float, Float512, Double512<float>>(width == 512, n, c, s, groups);
            Check<double, Double256<double>, Double256<double>>(width == 256, n, c, s, groups);
        }
    }

    private static void Check<T, V, W>(bool isWidth, int n, int c, int s, int groups)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        if (!isWidth)
            return;
        Plan plan = s == 0 ? Plan.Rows(n, c, isCentered: true) : groups == 0 ? Plan.Batch(n, c, s) : Plan.ChannelGroups(n, c, s, groups);
        foreach (bool isWide in (bool[])[false, true])
        {
            // What needs a range beyond that of floats runs in doubles.
            double scale = isWide ? 1e-33 : 1;
            T[] x = Numbers<T>(plan.Elements, 1, scale), residual = Numbers<T>(plan.Elements, 2, scale);
            T[] weight = Numbers<T>(plan.Parameters, 3, 1), bias = Numbers<T>(plan.Parameters, 4, 1);
            T[] sum = [.. x.Zip(residual, static (a, b) => a + b)];
            foreach (bool hasBias in (bool[])[true, false])
            {
                T[] expected = Forward<T, V, W, Plain<T>, Identity<T>>(plan, sum, weight, hasBias ? bias : [], static p => new(p), default);
                expected = [.. expected.Select(static y => T.MaxNumber(y, T.Zero))];
                T[] written = new T[sum.Length];
                fixed (T* first = x, added = residual, place = written)
                {
                    T* second = added;
                    SumEpilogue<T, Relu<T>> epilogue = new(new(first, added), place, isStreamed: false, default);
                    T[] actual = Forward<T, V, W, Added<T>, SumEpilogue<T, Relu<T>>>(
                        plan, x, weight, hasBias ? bias : [], p => new(p, second), epilogue);
                    actual.Should().Equal(expected);
                    actual.Should().Contain(T.Zero);
                    actual.Any(static y => y > T.Zero).Should().BeTrue();
                }
                written.Should().Equal(sum);
            }
        }
    }

    private delegate TSource Create<T, TSource>(T* x) where T : unmanaged;

    private static T[] Forward<T, V, W, TSource, TEpilogue>(
        Plan plan, T[] x, T[] weight, T[] bias, Create<T, TSource> source, TEpilogue epilogue)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
        where TSource : struct, ISource<TSource, T>
        where TEpilogue : struct, IEpilogue<TEpilogue, T>
    {
        var y = new T[x.Length];
        var statistics = new GroupStatistics<One>[plan.StatisticsCount];
        fixed (T* px = x, py = y, pw = weight, pb = bias)
        fixed (GroupStatistics<One>* ps = statistics)
        {
            ForwardOperands<T> operands = new() { Output = py, Weight = pw, Bias = pb, Statistics = ps, Epsilon = 0, IsCentered = true };
            Dispatch.Choose(plan, Direction.Forward, hasFixedStatistics: false, out Route route);
            KernelSet<T, V, W>.Forward(route, operands, source(px), epilogue);
        }
        return y;
    }

    private static T[] Numbers<T>(long count, int seed, double scale) where T : IFloatingPoint<T>
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, (int)count).Select(_ => T.CreateChecked((random.NextDouble() - 0.4) * scale))];
    }

    private readonly struct Relu<T> : IEpilogue<Relu<T>, T> where T : unmanaged
    {
        public Relu<T> At(nint offset) => this;

        public V Apply<V, TAccess>(nint i, V value, TAccess access) where V : unmanaged, ISimd<V, T> where TAccess : struct, IAccess
        {
            T* values = stackalloc T[V.Count];
            V.Store(values, value);
            for (int lane = 0; lane < V.Count; lane++)
                values[lane] = Element.FromDouble<T>(Math.Max(0, Element.ToDouble(values[lane])));
            return V.Load(values);
        }
    }
}
