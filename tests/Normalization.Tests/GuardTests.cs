using System.Runtime.Intrinsics;
using Normalization.Kernels;
using Normalization.Verify.Memory;

namespace Normalization.Tests;

/// <summary>The kernels of each width, on memory that ends where the data ends.</summary>
[Collection(nameof(Settings))]
public sealed class GuardTests
{
    [Theory]
    [InlineData(128)]
    [InlineData(256)]
    [InlineData(512)]
    public void No_kernel_touches_a_byte_outside_its_buffers(int width)
    {
        Assert.SkipUnless(NativeMemoryMap.IsSupported, "the mmap that the guard needs is Linux's");
        GuardCheck.AllLengths(width, Enumerable.Range(0, 40).Concat([63, 64, 65, 255, 256, 257])).Should().BePositive();
    }

    [Fact]
    public void The_widest_kernels_of_the_machine_are_active()
    {
        int widest = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
        (KernelSet<float>.Active.Width, KernelSet<double>.Active.Width).Should().Be((widest, widest));
    }
}
