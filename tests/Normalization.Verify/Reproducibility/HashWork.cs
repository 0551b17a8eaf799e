using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Reproducibility;

internal enum HashSize
{
    /// <summary>A few dozen shapes, for runtimes slowed down a thousandfold.</summary>
    Tiny,

    /// <summary>All lengths and alignments, and shapes that are worth several threads.</summary>
    Quick,

    /// <summary>Also shapes whose output goes past the cache.</summary>
    Full,
}

/// <summary>Runs layers over many shapes and hashes every bit that comes out.</summary>
internal static class HashWork
{
    private const int MostLength = 257;
    private const int LineBytes = 64;

    public static string Run(HashSize size)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Run<float>(hash, size);
        Run<double>(hash, size);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Shapes in which one of the lengths is this one.</summary>
    public static IEnumerable<Geometry> Around(int length)
    {
        yield return Geometry.Layer(5, length);
        yield return Geometry.Rms(3, length);
        yield return Geometry.Batch(3, 2, length);
        yield return Geometry.Group(2, 4, length, 2);
        yield return Geometry.Batch(6, length, 1);
        yield return Geometry.Group(2, 3 * length, 3, length);
        if (length > 1)
        {
            yield return Geometry.Instance(2, 3, length);
            yield return Geometry.Batch(length, 3, 1);
            yield return Geometry.Batch(length, 2, 7);
        }
    }

    /// <summary>Every kernel above the size from which threads share the work.</summary>
    public static IEnumerable<Geometry> Parallel { get; } =
    [
        Geometry.Batch(4, 3, 100_003),
        Geometry.Batch(9, 129, 257),
        Geometry.Batch(4099, 67, 1),
        Geometry.Batch(200_003, 3, 1),
        Geometry.Batch(131, 67, 49),
        Geometry.Instance(3, 5, 40_009),
        Geometry.Group(5, 24, 3001, 6),
        Geometry.Group(2, 6, 100_003, 2),
        Geometry.Group(4099, 18, 5, 3),
        Geometry.Group(9001, 18, 3, 6),
        Geometry.Layer(4001, 257),
        Geometry.Layer(100_003, 9),
        Geometry.Layer(3, 200_003),
        Geometry.Rms(2003, 769),
    ];

    private static IEnumerable<Geometry> Streamed { get; } =
    [
        Geometry.Batch(16, 64, 16_383),
        Geometry.Batch(262_147, 64, 1),
        Geometry.Batch(1021, 337, 49),
        Geometry.Group(16, 32, 32_771, 8),
        Geometry.Layer(16_381, 1025),
        Geometry.Rms(5, 3_500_003),
    ];

    private static void Run<T>(IncrementalHash hash, HashSize size) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        bool isTiny = size == HashSize.Tiny;
        int[] lengths = isTiny ? [1, 2, 15, 17, 33, 67] : [.. Enumerable.Range(1, MostLength)];
        foreach (int length in lengths)
        {
            foreach (Geometry geometry in Around(length))
                Step<T>(hash, geometry, length % 3 != 0);
        }
        AllEmpty<T>(hash);
        foreach (Geometry geometry in Around(isTiny ? 19 : 101))
            LifeWork.Run(geometry, (Trial<T> trial) => Append(hash, trial));
        foreach (Geometry geometry in Around(isTiny ? 19 : 101))
            Misaligned<T>(hash, geometry, isTiny ? 3 : LineBytes / sizeof(float));
        foreach (Geometry geometry in Around(isTiny ? 19 : 101).Concat(isTiny ? [] : Parallel.Take(8)))
            NotFinite<T>(hash, geometry);
        foreach (Geometry geometry in Around(isTiny ? 19 : 101))
            Extreme<T>(hash, geometry);
        FamilyWork.Run<T>(hash, size);
        MaskedWork.Run<T>(hash, size);
        foreach (Geometry geometry in Around(isTiny ? 19 : 101).Concat(isTiny ? [] : Parallel.Take(8)))
            Fused<T>(hash, geometry);
        foreach (Geometry geometry in lengths.Where(length => isTiny || length % 16 < 3).SelectMany(Around).Concat(isTiny ? [] : Parallel))
            SecondOrder<T>(hash, geometry);
        if (!isTiny)
        {
            foreach (Geometry geometry in Parallel)
                Step<T>(hash, geometry, affine: true);
            foreach (Geometry geometry in Parallel.Take(8))
                Step<T>(hash, geometry, affine: false);
        }
        if (size == HashSize.Full)
        {
            foreach (Geometry geometry in Streamed)
                Step<T>(hash, geometry, affine: true);
        }
    }

    private static void Step<T>(IncrementalHash hash, Geometry geometry, bool affine) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var trial = new Trial<T>(geometry, affine: affine);
        trial.Step();
        Append(hash, trial);
        if (trial.Running is not null)
            Evaluate(hash, trial);
    }

    private static void Evaluate<T>(IncrementalHash hash, Trial<T> trial) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var context = new ForwardContext<T>();
        trial.Layer.Eval();
        trial.Layer.Forward(trial.Input, trial.Output, context);
        trial.Layer.Backward(trial.OutputGradient, trial.InputGradient, context);
        Append(hash, trial);
    }

    private static void AllEmpty<T>(IncrementalHash hash) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (Geometry geometry in (Geometry[])[Geometry.Batch(0, 3, 5), Geometry.Layer(0, 7), Geometry.Group(2, 4, 0, 2), Geometry.Instance(0, 3, 4)])
            Step<T>(hash, geometry, affine: true);
    }

    /// <summary>The same tensors at every place that an element can have in a cache line.</summary>
    private static void Misaligned<T>(IncrementalHash hash, Geometry geometry, int places)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int place = 0; place < places; place++)
        {
            int shift = place;
            Step<T>(hash, new Trial<T>(geometry, allocate: length => AtPlace<T>(length, shift++ % places)));
        }
    }

    /// <summary>NaNs of different signs and payloads, and infinities, in some groups.</summary>
    private static void NotFinite<T>(IncrementalHash hash, Geometry geometry) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var trial = new Trial<T>(geometry);
        foreach (Tensor<T> tensor in (Tensor<T>[])[trial.Input, trial.OutputGradient])
        {
            for (int i = tensor.Length / 3; i < tensor.Length; i += 1 + (tensor.Length / 3))
                tensor.Span[i] = T.PositiveInfinity;
            for (int i = tensor.Length / 2; i < tensor.Length; i += 1 + (tensor.Length / 5))
                tensor.Span[i] = (i & 1) == 0 ? T.NaN : T.CreateTruncating(BitConverter.UInt64BitsToDouble(0x7FF9_2345_6000_0000));
        }
        Step(hash, trial);
    }

    /// <summary>The ends of the range, where sums and products leave it.</summary>
    private static void Extreme<T>(IncrementalHash hash, Geometry geometry) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int most = typeof(T) == typeof(float) ? 120 : 1000;
        foreach ((int x, int gamma, int dy) in ((int, int, int)[])[(most, 0, 0), (-most, 0, 0), (most, most, 0), (0, most, -most), (most / 2, -most, most)])
        {
            var trial = new Trial<T>(geometry, epsilon: 0);
            foreach ((Tensor<T>? tensor, int exponent) in ((Tensor<T>?, int)[])[(trial.Input, x), (trial.Layer.Weight?.Value, gamma), (trial.OutputGradient, dy)])
            {
                for (int i = 0; i < tensor?.Length; i++)
                    tensor.Span[i] = T.ScaleB(tensor.Span[i], exponent);
            }
            Step(hash, trial);
        }
    }

    /// <summary>Every activation, with a residual, a skip, a scale and a shift.</summary>
    private static void Fused<T>(IncrementalHash hash, Geometry geometry) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (Activation activation in Enum.GetValues<Activation>())
        {
            var trial = new FusedTrial<T>(geometry, activation);
            trial.Step();
            trial.Visit((_, values) => Append(hash, values));
        }
    }

    private static void SecondOrder<T>(IncrementalHash hash, Geometry geometry) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var trial = new SecondOrderTrial<T>(geometry, affine: geometry.Length % 3 != 0);
        foreach (bool isTraining in (bool[])[true, false])
        {
            if (isTraining && geometry.ElementsPerGroup == 1)
                continue;
            trial.Step(isTraining);
            trial.Visit((_, values) => Append(hash, values));
        }
    }

    private static void Step<T>(IncrementalHash hash, Trial<T> trial) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        trial.Step();
        Append(hash, trial);
    }

    /// <summary>Pinned memory that starts so many floats after the start of a cache line.</summary>
    private static unsafe Memory<T> AtPlace<T>(int length, int place) where T : unmanaged
    {
        T[] array = GC.AllocateArray<T>(length + (2 * LineBytes / sizeof(T)), pinned: true);
        nint address = Marshal.UnsafeAddrOfPinnedArrayElement(array, 0);
        int toLine = (int)(-address & (LineBytes - 1)) / sizeof(T);
        return array.AsMemory(toLine + (place * sizeof(float) / sizeof(T)), length);
    }

    private static void Append<T>(IncrementalHash hash, Trial<T> trial) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        trial.Visit((_, values) => Append(hash, values));

    private static void Append<T>(IncrementalHash hash, ReadOnlySpan<T> values) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        // Which payload and sign a NaN has is not promised: where two meet, the processor may take either.
        T[] copy = values.ToArray();
        foreach (ref T value in copy.AsSpan())
            value = T.IsNaN(value) ? T.NaN : value;
        hash.AppendData(MemoryMarshal.AsBytes<T>(copy));
    }
}
