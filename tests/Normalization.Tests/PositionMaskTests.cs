using System.Runtime.InteropServices;
using Normalization.Kernels;
using Normalization.Kernels.Families;
using Normalization.Kernels.Simd;
using Normalization.Kernels.Statistics;

namespace Normalization.Tests;

/// <summary>From what a caller says of positions to the masks of the kernels.</summary>
public sealed class PositionMaskTests
{
    [Fact]
    public unsafe void A_mask_of_bytes_keeps_its_lanes_at_every_width()
    {
        Keeps<Float128, float>();
        Keeps<Float256, float>();
        Keeps<Float512, float>();
        Keeps<Double128<double>, double>();
        Keeps<Double256<double>, double>();
        Keeps<Double512<double>, double>();
        Keeps<Double128<float>, float>();
        Keeps<Double256<float>, float>();
        Keeps<Double512<float>, float>();
    }

    [Fact]
    public void Any_byte_but_0_is_true_at_every_length()
    {
        for (int length = 1; length < 70; length++)
        {
            byte[] given = [.. Enumerable.Range(0, length).Select(static i => (byte)(i % 3 == 0 ? 0 : (i * 37) | 1))];
            byte[] mask = new byte[length];
            var samples = new SampleWeight[1];
            PositionMask.FromBooleans(MemoryMarshal.Cast<byte, bool>(given), length, mask, samples);
            mask.Should().Equal(given.Select(static value => value == 0 ? (byte)0 : byte.MaxValue));
            int count = given.Count(static value => value != 0);
            samples[0].Count.Should().Be(count);
            if (count > 0)
                (samples[0].First, samples[0].Last).Should().Be((1, Array.FindLastIndex(given, static value => value != 0)));
        }
    }

    [Fact]
    public void The_first_invalid_weight_is_found_at_every_place()
    {
        foreach (double wrong in (double[])[-1, -double.Epsilon, double.NaN, double.PositiveInfinity, double.NegativeInfinity])
        {
            for (int place = 0; place < 40; place++)
            {
                double[] weights = [.. Enumerable.Range(0, 40).Select(i => i < place ? i * (double.MaxValue / 40) : i == place ? wrong : -2)];
                PositionMask.IndexOfInvalid<double>(weights).Should().Be(place);
                float[] narrow = [.. weights.Select((weight, i) => i < place ? i * (float.MaxValue / 40) : weight == -double.Epsilon ? -float.Epsilon : (float)weight)];
                PositionMask.IndexOfInvalid<float>(narrow).Should().Be(place);
            }
        }
        PositionMask.IndexOfInvalid<double>([0, -0.0, double.Epsilon, double.MaxValue]).Should().Be(-1);
        PositionMask.IndexOfInvalid<float>([]).Should().Be(-1);
    }

    [Fact]
    public void Weights_of_0_and_1_are_a_mask()
    {
        var ones = new GroupNorm<float>(2, 4);
        Tensor<float> x = Tensor<float>.RandomNormal([2, 4, 37], 5), masked = new(2, 4, 37), weighted = new(2, 4, 37);
        bool[] mask = [.. Enumerable.Range(0, 74).Select(static i => i % 5 != 2)];
        ones.Forward(x, masked, new ForwardOptions<float> { Mask = mask });
        ones.Forward(x, weighted, new ForwardOptions<float> { Weights = new([.. mask.Select(static valid => valid ? 1f : 0)], 2, 37) });
        weighted.Span.ToArray().Should().Equal(masked.Span.ToArray());
    }

    [Theory]
    [InlineData(128)]
    [InlineData(256)]
    [InlineData(512)]
    public void Copies_change_only_the_positions_that_they_should_at_every_length_and_width(int bits)
    {
        for (int s = 1; s < 140; s++)
        {
            foreach (bool isInPlace in (bool[])[false, true])
            {
                Copies<float>(bits, s, clears: true, isInPlace);
                Copies<float>(bits, s, clears: false, isInPlace);
                Copies<double>(bits, s, clears: true, isInPlace);
                Copies<double>(bits, s, clears: false, isInPlace);
            }
        }
    }

    private static unsafe void Copies<T>(int bits, int s, bool clears, bool isInPlace) where T : unmanaged
    {
        const int N = 2, C = 6, Beyond = 16;
        byte[] mask = [.. Enumerable.Range(0, (N * s) + PositionMask.Padding).Select(static i => i % 5 < 3 ? byte.MaxValue : (byte)0)];
        T[] input = [.. Enumerable.Range(0, N * C * s).Select(static i => Element.FromDouble<T>(i % 7 == 0 ? double.NaN : i))];
        T[] before = [.. Enumerable.Range(0, (N * C * s) + Beyond).Select(static i => Element.FromDouble<T>(i % 9 == 0 ? double.NaN : -i))];
        if (isInPlace)
            input.CopyTo(before, 0);
        T[] output = [.. before], expected = [.. before];
        for (int i = 0; i < N * C * s; i++)
            expected[i] = mask[(i / (C * s) * s) + (i % s)] != 0 ? input[i] : clears ? default : before[i];
        fixed (T* px = input, py = output)
        fixed (byte* pMask = mask)
        {
            KernelSet<T>.ForWidth(bits).MaskedCopy(new MaskedOperands<T>
            {
                Plan = NormalizationPlan.Groups(N, C, s, C).Plan,
                Input = isInPlace ? py : px,
                Output = py,
                Mask = pMask,
                ClearsInvalid = clears,
            });
        }
        MemoryMarshal.AsBytes<T>(output).SequenceEqual(MemoryMarshal.AsBytes<T>(expected)).Should().BeTrue();
    }

    private static unsafe void Keeps<V, T>() where V : unmanaged, ISimd<V, T> where T : unmanaged
    {
        byte* bytes = stackalloc byte[PositionMask.Padding];
        T* kept = stackalloc T[V.Count];
        for (int set = 0; set < 1 << Math.Min(V.Count, 8); set++)
        {
            for (int lane = 0; lane < PositionMask.Padding; lane++)
                bytes[lane] = ((set >> (lane % 8)) & 1) != 0 ? byte.MaxValue : (byte)0;
            V.Store(kept, V.Keep(V.LoadMask(bytes), V.Broadcast(3)));
            for (int lane = 0; lane < V.Count; lane++)
                Element.ToDouble(kept[lane]).Should().Be(bytes[lane] != 0 ? 3 : 0);
        }
    }
}
