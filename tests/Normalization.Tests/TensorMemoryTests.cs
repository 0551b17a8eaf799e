using System.Runtime.CompilerServices;

namespace Normalization.Tests;

public class TensorMemoryTests
{
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

    private static unsafe nint Address<T>(Span<T> span) => (nint)Unsafe.AsPointer(ref span[0]) % 64;
}
