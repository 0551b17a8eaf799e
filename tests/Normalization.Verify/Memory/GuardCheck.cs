using System.Numerics;
using System.Runtime.InteropServices;
using Normalization.Kernels;
using Normalization.Verify.Numerics;
using Normalization.Verify.Reproducibility;

namespace Normalization.Verify.Memory;

/// <summary>Every kernel on buffers that end, and on buffers that start, at a forbidden page. A fault ends the process.</summary>
internal static class GuardCheck
{
    private const int MostLength = 257;
    private const int MostQuickLength = 20;
    private const int Capacity = 8192;
    private const int StreamedCapacity = 5 << 20;

    private static readonly Geometry[] s_streamed =
    [
        Geometry.Batch(7, 5, 131_071), Geometry.Batch(70_001, 65, 1), Geometry.Batch(1001, 87, 49), Geometry.Layer(5001, 771),
        Geometry.Layer(3, 1_500_001), Geometry.Rms(17_001, 257), Geometry.Group(9, 12, 40_009, 3), Geometry.Group(11_001, 80, 5, 4),
    ];

    /// <summary>For an emulator: short lengths at the one width that every processor has, and no child processes.</summary>
    public static bool CheckQuickly(TextWriter output)
    {
        if (IsSupported(output))
            output.WriteLine($"128 bits: every length from 0 to {MostQuickLength}, at both ends: no fault in {AllLengths(128, Enumerable.Range(0, MostQuickLength + 1))} calls");
        return true;
    }

    public static bool Check(TextWriter output)
    {
        if (!IsSupported(output))
            return true;
        long calls = 0;
        foreach (int width in (int[])[128, 256, 512])
        {
            calls += AllLengths(width, Enumerable.Range(0, MostLength + 1));
            calls += AtWidth(width, static () => Streamed<float>() + Streamed<double>());
            output.WriteLine($"{width} bits: every length from 0 to {MostLength} and {s_streamed.Length} streamed shapes, at both ends: no fault");
        }
        bool canFail = true;
        foreach (string fault in (string[])["--planted-read", "--planted-write"])
        {
            int exitCode = Plant(fault);
            canFail &= exitCode != 0;
            output.WriteLine($"{fault} in a child process: exit code {exitCode}, {(exitCode == 0 ? "NOT NOTICED" : "crashed as it must")}");
        }
        output.WriteLine($"{calls} calls");
        return canFail;
    }

    private static bool IsSupported(TextWriter output)
    {
        if (!NativeMemoryMap.IsSupported)
            output.WriteLine("guard needs the mmap of Linux; there is nothing to check on this system.");
        return NativeMemoryMap.IsSupported;
    }

    /// <summary>Runs a child that touches one element too many; a process that survives that proves that the guard is blind.</summary>
    public static int Plant(string fault) => ChildProcess.Run(["guard", fault]).ExitCode;

    public static long AllLengths(int width, IEnumerable<int> lengths)
    {
        int[] all = [.. lengths];
        return AtWidth(width, () => AllLengths<float>(all) + AllLengths<double>(all));
    }

    public static void ReadOneTooMany()
    {
        var memory = new GuardedMemory<float>(100);
        float past = memory.Place(100, atEnd: true).Span[0];
        unsafe
        {
            using var pin = memory.Pin();
            past += ((float*)pin.Pointer)[memory.Memory.Length];
        }
        Console.WriteLine($"read {past} from a forbidden page");
    }

    public static void WriteToInput()
    {
        var memory = new GuardedMemory<float>(100);
        MemoryMarshal.GetReference(memory.Read(100, atEnd: true)[99..]) = 1;
        Console.WriteLine("wrote to a page that is only readable");
    }

    private static long AllLengths<T>(int[] lengths) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using var buffers = new GuardedBuffers<T>(Capacity, Capacity);
        using var fused = new FusedBuffers<T>(Capacity);
        using var valid = new ValidBuffers<T>(Capacity);
        long calls = 0;
        foreach (int length in lengths)
        {
            foreach (Geometry geometry in length == 0 ? Empty : HashWork.Around(length))
            {
                foreach (bool affine in (bool[])[true, false])
                {
                    calls += buffers.Run(geometry, atEnd: true, affine);
                    calls += buffers.Run(geometry, atEnd: false, affine);
                }
                foreach (ChannelAxis axis in (ChannelAxis[])[ChannelAxis.First, ChannelAxis.Last])
                {
                    calls += fused.Run(geometry, atEnd: true, (Activation)(calls % 5), axis);
                    calls += fused.Run(geometry, atEnd: false, (Activation)(calls % 5), axis);
                    calls += valid.Run(geometry, atEnd: true, axis);
                    calls += valid.Run(geometry, atEnd: false, axis);
                }
            }
        }
        return calls;
    }

    private static IEnumerable<Geometry> Empty =>
    [
        Geometry.Layer(0, 5), Geometry.Layer(5, 0), Geometry.Rms(0, 5), Geometry.Rms(5, 0), Geometry.Batch(0, 3, 2), Geometry.Batch(3, 0, 2),
        Geometry.Batch(3, 2, 0), Geometry.Group(2, 4, 0, 2), Geometry.Group(0, 4, 3, 2), Geometry.Instance(2, 3, 0),
    ];

    private static long AtWidth(int width, Func<long> run)
    {
        (KernelSet<float> single, KernelSet<double> wide) = (KernelSet<float>.Active, KernelSet<double>.Active);
        (KernelSet<float>.Active, KernelSet<double>.Active) = (KernelSet<float>.ForWidth(width), KernelSet<double>.ForWidth(width));
        try
        {
            return run();
        }
        finally
        {
            (KernelSet<float>.Active, KernelSet<double>.Active) = (single, wide);
        }
    }

    private static long Streamed<T>() where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using var buffers = new GuardedBuffers<T>(StreamedCapacity, 1_600_000);
        return s_streamed.Sum(geometry => buffers.Run(geometry, atEnd: true, affine: true) + buffers.Run(geometry, atEnd: false, affine: true));
    }
}
