using System.Buffers;
using Normalization.Verify.Memory;

namespace Normalization.Verify.Concurrency;

/// <summary>
/// One layer in training, and one context, used by several passes at once by mistake. Exceptions and wrong numbers are allowed. A read
/// or a write outside a tensor is not: it ends the process, because every tensor here lies between forbidden pages.
/// </summary>
internal static class MisuseCheck
{
    private const int Channels = 8;
    private const int Tensors = 4;

    // A pass asks for the memory of a tensor once; the second time is the next pass.
    private const int Requests = 2;

    private static readonly Func<NormalizationLayer<float>>[] s_layers =
    [
        static () => new LayerNorm<float>(Channels), static () => new RmsNorm<float>(Channels),
        static () => new GroupNorm<float>(2, Channels), static () => new BatchNorm1d<float>(Channels),
        static () => new InstanceNorm1d<float>(Channels, trackRunningStatistics: true),
    ];

    // Each thread has a shape of its own; all layers take all shapes.
    private static readonly int[][] s_shapes = [.. from n in (int[])[1, 700, 3, 90] select (int[])[n, Channels, Channels]];

    public static bool Check(TextWriter output, int rounds)
    {
        if (!NativeMemoryMap.IsSupported)
        {
            output.WriteLine("misuse needs the mmap of Linux; there is nothing to check on this system.");
            return true;
        }
        foreach (Func<NormalizationLayer<float>> create in s_layers)
        {
            int nested = Nest(create);
            (int calls, int refusals) = Race(create(), rounds);
            output.WriteLine(
                $"{create().GetType().Name[..^2],-14} {nested} calls in the middle of another one, "
                + $"{calls} calls by {s_shapes.Length} threads at once ({refusals} refused): no fault");
        }
        return true;
    }

    /// <summary>At every moment at which a pass asks for memory, other calls to the same layer and context come between.</summary>
    private static int Nest(Func<NormalizationLayer<float>> create)
    {
        int calls = 0;
        using var small = new Buffers(s_shapes[0]);
        using var large = new Buffers(s_shapes[1]);
        foreach ((Buffers outer, Buffers inner) in (ReadOnlySpan<(Buffers, Buffers)>)[(small, large), (large, small)])
        {
            for (int moment = 0; moment < Tensors * Requests; moment++)
            {
                for (int call = 0; call < outer.Calls(create(), new()).Length; call++)
                {
                    NormalizationLayer<float> layer = create();
                    var context = new ForwardContext<float>();
                    Action[] between = inner.Calls(layer, context);
                    outer.Interrupt(moment % Tensors, moment / Tensors, () => Try(between[call]));
                    foreach (Action action in outer.Calls(layer, context))
                        Try(action);
                    calls++;
                }
            }
        }
        return calls;
    }

    private static (int Calls, int Refusals) Race(NormalizationLayer<float> layer, int rounds)
    {
        var context = new ForwardContext<float>();
        int refusals = 0, calls = 0;
        using var barrier = new Barrier(s_shapes.Length);
        Thread[] threads = [.. s_shapes.Select(shape => new Thread(() => Repeat(shape)))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        return (calls, refusals);

        void Repeat(int[] shape)
        {
            using var buffers = new Buffers(shape);
            Action[] actions = buffers.Calls(layer, context);
            barrier.SignalAndWait();
            for (int round = 0; round < rounds; round++)
            {
                foreach (Action action in actions)
                {
                    Interlocked.Add(ref refusals, Try(action) ? 0 : 1);
                    Interlocked.Increment(ref calls);
                }
            }
            // The others may still read what this thread would unmap.
            barrier.SignalAndWait();
        }
    }

    private static bool Try(Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>The four tensors of a pass.</summary>
    private sealed class Buffers : IDisposable
    {
        private readonly InterruptedMemory[] _memories;
        private readonly Tensor<float>[] _tensors;

        public Buffers(int[] shape)
        {
            _memories = [.. Enumerable.Range(0, Tensors).Select(_ => new InterruptedMemory(shape[0] * shape[1] * shape[2]))];
            _tensors = Array.ConvertAll(_memories, memory => new Tensor<float>(memory.Memory, shape));
        }

        public Action[] Calls(NormalizationLayer<float> layer, ForwardContext<float> context) =>
        [
            () => layer.Forward(_tensors[0], _tensors[1]),
            () => layer.Backward(_tensors[2], _tensors[3]),
            () => layer.Forward(_tensors[0], _tensors[1], context),
            () => layer.Backward(_tensors[2], _tensors[3], context),
            () => layer.Backward(_tensors[0], _tensors[2], _tensors[3].AsTensorSpan(), context),
            () => Switch(layer),
        ];

        public void Interrupt(int tensor, int requests, Action action) => _memories[tensor].Interrupt(requests, action);

        public void Dispose()
        {
            foreach (InterruptedMemory memory in _memories)
                ((IDisposable)memory).Dispose();
        }

        private static void Switch(NormalizationLayer<float> layer)
        {
            if (layer is RunningStatisticsLayer<float> { RunningMean: not null } running)
                running.UseRunningStatistics = !running.UseRunningStatistics;
            layer.Eval();
            layer.Train();
        }
    }

    /// <summary>Memory before a forbidden page, at whose request something else can happen first.</summary>
    private sealed class InterruptedMemory(int length) : MemoryManager<float>
    {
        private readonly GuardedMemory<float> _guarded = new(length);
        private Action? _action;
        private int _requests;

        public void Interrupt(int requests, Action action) => (_requests, _action) = (requests, action);

        public override Span<float> GetSpan()
        {
            if (_action is { } action && _requests-- == 0)
            {
                _action = null;
                action();
            }
            return _guarded.Place(length, atEnd: true).Span;
        }

        public override MemoryHandle Pin(int elementIndex = 0) => _guarded.Place(length, atEnd: true)[elementIndex..].Pin();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing) => ((IDisposable)_guarded).Dispose();
    }
}
