using System.Runtime;
using System.Runtime.CompilerServices;

namespace Normalization.Tests;

[Collection(nameof(ProcessWide))]
public sealed class TensorMemoryTests
{
    private const int LargeObjects = 3;
    private const int PinnedObjects = 4;

    /// <summary>Vectors that cross cache lines take twice as long, and arrays begin 16 bytes past one.</summary>
    [Fact]
    public unsafe void Large_tensors_begin_on_a_cache_line_wherever_the_collector_goes()
    {
        foreach (int length in (int[])[25_000, 25_001, 100_003, 1_000_000])
        {
            Tensor<float> cleared = new(length), undefined = Tensor<float>.Uninitialized(length);
            Tensor<double> doubles = new(length);
            GC.Collect();
            Address(cleared.Span).Should().Be(0);
            Address(undefined.Span).Should().Be(0);
            Address(doubles.Span).Should().Be(0);
            cleared.Length.Should().Be(length);
            cleared.Span.ContainsAnyExcept(0f).Should().BeFalse();
        }
    }

    /// <summary>The runtime cannot close the gaps between pinned arrays: under a memory limit a server runs out.</summary>
    [Fact]
    public void Large_tensors_are_not_pinned_for_their_life()
    {
        const int Length = 1 << 24;
        Tensor<float> cleared = new(Length), undefined = Tensor<float>.Uninitialized(Length);
        GC.Collect();
        ReadOnlySpan<GCGenerationInfo> generations = GC.GetGCMemoryInfo(GCKind.FullBlocking).GenerationInfo;
        generations[PinnedObjects].SizeAfterBytes.Should().BeLessThan(Length * sizeof(float));
        generations[LargeObjects].SizeAfterBytes.Should().BeGreaterThanOrEqualTo(2L * Length * sizeof(float));
        GC.KeepAlive(cleared);
        GC.KeepAlive(undefined);
    }

    [Fact]
    public void A_tensor_that_a_compaction_has_moved_keeps_its_elements_and_gives_the_same_bits()
    {
        var layer = new LayerNorm<float>(1000);
        Tensor<float>[] inputs = [.. Enumerable.Range(0, 8).Select(static i => Tensor<float>.RandomNormal([100, 1000], seed: i))];
        float[][] values = Array.ConvertAll(inputs, static input => input.Span.ToArray());
        long[][] bits = Array.ConvertAll(inputs, input => Values.Bits(layer.Forward(input)));
        GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
        GC.Collect();
        for (int i = 0; i < inputs.Length; i++)
        {
            inputs[i].Span.SequenceEqual(values[i]).Should().BeTrue();
            Values.Bits(layer.Forward(inputs[i])).AsSpan().SequenceEqual(bits[i]).Should().BeTrue();
        }
    }

    private static unsafe nint Address<T>(Span<T> span) => (nint)Unsafe.AsPointer(ref span[0]) % 64;
}
