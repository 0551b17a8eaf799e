namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> Threads()
    {
        const string Tests = "PartitionTests.";
        const string Leave = Tests + "A_chunk_that_throws_ends_the_call_only_after_all_threads_have_left_it";
        const string Degree = "ParallelismTests.Every_thread_has_at_least_64_KB_and_small_work_stays_on_one";
        yield return new(
            "an exception of the caller leaves helpers at work", Leave,
            ("            LeaveRest();", "            if (worker == 0)\n                throw;\n            LeaveRest();"));
        yield return new(
            "an exception of a chunk is lost", Leave,
            ("if (_failure is not null)", "if (_failure is not null && _chunks == 0)"));
        yield return new(
            "the last exception is thrown", Tests + "Of_several_exceptions_the_first_is_thrown",
            ("            Interlocked.CompareExchange(ref _failure, exception, null);\n            LeaveRest",
                "            _failure = exception;\n            LeaveRest"));
        yield return new(
            "every thread begins with the first chunks", Tests + "Each_thread_begins_with_its_own_share_whose_data_its_cache_has",
            ("owner = (worker + i) % (_helpers + 1)", "owner = i"));
        yield return new(
            "an interrupt is swallowed",
            Tests + "A_thread_that_is_interrupted_while_it_waits_for_helpers_finishes_its_call_and_keeps_the_interrupt",
            ("            _isInterrupted = true;", ""));
        yield return new(
            "the caller spins without end", Tests + "A_caller_that_waits_for_long_leaves_its_processor_to_others",
            ("waited < YieldMicroseconds", "waited < long.MaxValue"));
        yield return new(
            "two threads share a number", Tests + "Threads_of_one_job_have_different_numbers_below_its_degree",
            ("int worker = Interlocked.Increment(ref _workers);", "int worker = 1;"));
        yield return new(
            "every call on a busy pool puts more into its queue", Tests + "Calls_on_a_busy_thread_pool_do_not_fill_its_queue",
            ("_helpers - Volatile.Read(ref _queued)", "_helpers"));
        yield return new(
            "all processors are called whatever the size", Degree,
            ("Math.Min(bytes / Thresholds.BytesPerThread, Math.Min(processors, Thresholds.MostThreads))", "processors"));
        yield return new(
            "a job of many helpers for little work", "VerifyTests.A_call_wakes_no_more_threads_than_its_work_is_worth",
            ("Math.Min(degree, chunks) - 1", "Math.Max(degree, chunks) - 1"));
        yield return new(
            "no limit on threads overflows", Degree,
            ("Math.Min(processors, Thresholds.MostThreads)", "processors"));
        yield return new(
            "an interrupt at a lock of the pool comes out of a pass",
            "ScratchTests.A_thread_that_is_interrupted_at_a_lock_of_the_pool_has_its_memory_and_keeps_the_interrupt",
            ("            // The garbage collector frees an array that does not go back to the pool.", "            throw;\n#pragma warning disable CS0162"));
        yield return new(
            "a job rents in its middle",
            "ParallelismTests.Evaluation_rents_its_memory_before_it_begins_and_not_for_each_tile_of_columns",
            ("        nint room = ColumnCoefficients.RoomFor(tile.Columns);\n        if (room > Room)",
                "        nint room = ColumnCoefficients.RoomFor(tile.Columns);\n        using var scratch = new Scratch<double>(room);\n        if (room > Room)"));
        yield return new(
            "large tensors are pinned for their life", "TensorMemoryTests.Large_tensors_are_not_pinned_for_their_life",
            ("isCleared ? new T[size] : GC.AllocateUninitializedArray<T>(size)", "GC.AllocateArray<T>(size, pinned: isLarge)"));
        yield return new(
            "large tensors begin where arrays do",
            "TensorMemoryTests.Large_tensors_begin_on_a_cache_line_wherever_the_collector_goes",
            ("array.AsMemory((int)start / sizeof(T), length)", "array.AsMemory(0, length)"));
    }
}
