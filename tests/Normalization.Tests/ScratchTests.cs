using System.Buffers;
using System.Reflection;
using Normalization.Kernels.Machine;

namespace Normalization.Tests;

public sealed class ScratchTests
{
    private const int Length = 100;

    /// <summary>An exception while memory goes back to the pool would come out of a pass whose output is written.</summary>
    [Fact]
    public void A_thread_that_is_interrupted_at_a_lock_of_the_pool_has_its_memory_and_keeps_the_interrupt()
    {
        int locks = 0, length = 0;
        bool isPendingAfterRent = false, isPendingAfterReturn = false;
        Exception? failure = null;
        var caller = new Thread(() => failure = Record.Exception(() =>
        {
            // The pool keeps one array for the thread, and takes a lock for the next one.
            using (new Scratch<Element>(Length))
            using (new Scratch<Element>(Length))
            {
            }
            var first = new Scratch<Element>(Length);
            locks = TakeLocksForAMoment();
            Thread.CurrentThread.Interrupt();
            var second = new Scratch<Element>(Length);
            length = second.Span.Length;
            isPendingAfterRent = WasInterrupted();
            locks = Math.Min(locks, TakeLocksForAMoment());
            Thread.CurrentThread.Interrupt();
            second.Dispose();
            first.Dispose();
            isPendingAfterReturn = WasInterrupted();
        }));
        caller.Start();
        caller.Join();
        failure.Should().BeNull();
        locks.Should().BePositive("the pool of this runtime has locks that this test finds");
        length.Should().Be(Length);
        isPendingAfterRent.Should().BeTrue();
        isPendingAfterReturn.Should().BeTrue();
    }

    private static bool WasInterrupted() => Record.Exception(static () => Thread.Sleep(0)) is ThreadInterruptedException;

    /// <summary>Another thread takes every lock of the pool, and gives them back after a moment.</summary>
    private static int TakeLocksForAMoment()
    {
        object[] locks = [.. LocksOf(ArrayPool<Element>.Shared)];
        using var taken = new ManualResetEventSlim();
        var holder = new Thread(() =>
        {
            Array.ForEach(locks, Monitor.Enter);
            taken.Set();
            Thread.Sleep(50);
            Array.ForEach(locks, Monitor.Exit);
        });
        holder.Start();
        taken.Wait(CancellationToken.None);
        return locks.Length;
    }

    private static IEnumerable<object> LocksOf(object pool) =>
        from buckets in FieldsOf(pool)
        from bucket in (buckets as Array ?? Array.Empty<object>()).Cast<object?>()
        where bucket is not null
        from partitions in FieldsOf(bucket)
        from partition in (partitions as Array ?? Array.Empty<object>()).Cast<object>()
        select partition;

    private static IEnumerable<object?> FieldsOf(object instance) =>
        instance.GetType().GetFields(BindingFlags.Instance | BindingFlags.NonPublic).Select(field => field.GetValue(instance));

    // A type of its own has pools of its own.
    private enum Element
    {
        Zero,
    }
}
