using System.Diagnostics;
using System.Runtime.InteropServices;
using Normalization.Verify.Numerics;

namespace Normalization.Verify;

/// <summary>
/// Tensors of more than 2^32 bytes, two of them at a time: forward into the second, then backward with the second as the
/// gradient in and out. Groups near the start, around 2^32 bytes and at the end are computed again alone and must agree.
/// </summary>
internal static class HugeCheck
{
    private const int Chunk = 1 << 20;
    private const float Untouched = 12345;

    private static readonly Geometry[] s_geometries =
    [
        Geometry.Layer((1 << 20) + 3, 1031),
        Geometry.Layer(130, (1 << 23) + 5),
        Geometry.Rms((1 << 22) + 7, 257),
        Geometry.Batch((1 << 20) + 5, 1031, 1),
        Geometry.Batch((1 << 15) + 3, 669, 49),
        Geometry.Batch(5, 67, 3_205_001),
        Geometry.Group(33, 32, (1 << 20) + 9, 8),
        Geometry.Group((1 << 20) + 1, 206, 5, 2),
        Geometry.Instance((1 << 11) + 1, 525, 1001),
    ];

    public static bool Check(TextWriter output)
    {
        bool isKept = true;
        foreach (Geometry geometry in s_geometries)
        {
            var clock = Stopwatch.StartNew();
            string verdict;
            try
            {
                verdict = Run(geometry);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                verdict = $"{exception.GetType().Name}: {exception.Message}";
            }
            isKept &= verdict.Length == 0;
            output.WriteLine(
                $"{geometry,-40} {4.0 * geometry.Length / (1L << 30):f2} GiB, {clock.Elapsed.TotalSeconds:f0} s: {(verdict.Length == 0 ? "right to the last group" : "WRONG: " + verdict)}");
            GC.Collect();
        }
        return isKept;
    }

    private static string Run(Geometry geometry)
    {
        var x = Tensor<float>.Uninitialized(geometry.Shape);
        var y = Tensor<float>.Uninitialized(geometry.Shape);
        Fill(x.Memory, 1);
        y.Fill(Untouched);
        NormalizationLayer<float> layer = geometry.Create<float>(track: false);
        if (layer.Weight is { } weight)
            Values.Fill(weight.Value.Span, 3, center: 1, spread: 0.5);
        layer.Forward(x, y);
        int[] samples = Samples(geometry);
        Small[] small = [.. samples.Select(sample => new Small(geometry, layer, x, sample))];
        foreach (Small one in small)
        {
            one.Layer.Forward(one.Input, one.Output);
            if (!one.Agrees(one.Output, y))
                return $"the output of {one.Name} differs";
        }
        Fill(y.Memory, 2);
        foreach (Small one in small)
            one.Copy(y, one.OutputGradient);
        layer.Backward(y, y);
        foreach (Small one in small)
        {
            one.Layer.Backward(one.OutputGradient, one.InputGradient);
            if (!one.Agrees(one.InputGradient, y))
                return $"the input gradient of {one.Name} differs";
        }
        return "";
    }

    /// <summary>The first and the last group, and the ones on both sides of 2^31 and 2^32 bytes. BatchNorm's groups are channels.</summary>
    private static int[] Samples(Geometry geometry)
    {
        if (geometry.Kind == LayerKind.BatchNorm)
            return [0, geometry.C / 2, geometry.C - 1];
        int length = geometry.Length / geometry.N;
        return [0, (int)((1L << 29) / length), (int)((1L << 30) / length), geometry.N - 1];
    }

    private static void Fill(Memory<float> memory, ulong seed) => Parallel.For(0, (memory.Length + Chunk - 1) / Chunk, chunk =>
    {
        Span<float> part = memory.Span.Slice(chunk * Chunk, Math.Min(Chunk, memory.Length - (chunk * Chunk)));
        Values.Fill(part, seed + ((ulong)chunk * 7919), center: 0.5);
    });

    /// <summary>One sample, or for BatchNorm one channel of all samples, with a layer of its own.</summary>
    private sealed class Small
    {
        private readonly Geometry _geometry;
        private readonly int _index;

        public Small(Geometry geometry, NormalizationLayer<float> layer, Tensor<float> x, int index)
        {
            (_geometry, _index) = (geometry, index);
            bool isChannel = geometry.Kind == LayerKind.BatchNorm;
            Geometry own = isChannel ? geometry with { C = 1 } : geometry with { N = 1 };
            Layer = own.Create<float>(track: false);
            foreach ((Parameter<float> from, Parameter<float> to) in layer.Parameters.Zip(Layer.Parameters))
                from.Value.Span.Slice(isChannel ? index : 0, to.Value.Length).CopyTo(to.Value.Span);
            (Input, Output) = (new(own.Shape), new(own.Shape));
            (OutputGradient, InputGradient) = (new(own.Shape), new(own.Shape));
            Copy(x, Input);
        }

        public NormalizationLayer<float> Layer { get; }

        public Tensor<float> Input { get; }

        public Tensor<float> Output { get; }

        public Tensor<float> OutputGradient { get; }

        public Tensor<float> InputGradient { get; }

        public string Name => _geometry.Kind == LayerKind.BatchNorm ? $"channel {_index}" : $"sample {_index}";

        public void Copy(Tensor<float> whole, Tensor<float> part)
        {
            foreach ((int wholeStart, int partStart, int length) in Pieces())
                whole.Span.Slice(wholeStart, length).CopyTo(part.Span[partStart..]);
        }

        /// <summary>The same bits; for BatchNorm as near as the sums of tiles of other widths allow.</summary>
        public bool Agrees(Tensor<float> part, Tensor<float> whole)
        {
            foreach ((int wholeStart, int partStart, int length) in Pieces())
            {
                ReadOnlySpan<float> left = whole.Span.Slice(wholeStart, length), right = part.Span.Slice(partStart, length);
                bool isSame = MemoryMarshal.AsBytes(left).SequenceEqual(MemoryMarshal.AsBytes(right));
                if (!isSame && (_geometry.Kind != LayerKind.BatchNorm || !IsNear(left, right)))
                    return false;
            }
            return true;
        }

        private static bool IsNear(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
        {
            for (int i = 0; i < left.Length; i++)
            {
                if (!(Math.Abs(left[i] - right[i]) <= 1e-6 * (1 + Math.Abs(right[i]))))
                    return false;
            }
            return true;
        }

        private IEnumerable<(int Whole, int Part, int Length)> Pieces()
        {
            if (_geometry.Kind != LayerKind.BatchNorm)
            {
                int length = _geometry.Length / _geometry.N;
                yield return (_index * length, 0, length);
                yield break;
            }
            for (int n = 0; n < _geometry.N; n++)
                yield return (((n * _geometry.C) + _index) * _geometry.S, n * _geometry.S, _geometry.S);
        }
    }
}
