using Normalization.Mpi;
using Normalization.Programs;
using Normalization.Verify.Concurrency;
using Normalization.Verify.Distributed;
using Normalization.Verify.Fuzz;
using Normalization.Verify.Loops;
using Normalization.Verify.Memory;
using Normalization.Verify.Numerics;
using Normalization.Verify.Planted;
using Normalization.Verify.Reproducibility;
using Normalization.Verify.State;

namespace Normalization.Verify;

/// <summary>The commands of the program. 0 is a promise kept, 1 a promise broken, 2 a command that makes no sense, 3 an output that cannot be written.</summary>
internal static class Commands
{
    private static readonly CommandProgram s_program = new(
        "Checks what the library promises.",
        [
            new("accuracy", "[--full | --quick]", """
                every layer against 106-bit arithmetic on hard data
                --full: all sizes and epsilons; --quick: a few small sizes
                """, Accuracy),
            new("functions", "[--quick]", """
                exp, tanh and erf of every float, and of 200,000 doubles, in units in the last place
                --quick: one float of 997
                """, Functions),
            new("loops", "", "the errors of the loops that people write, beside those of the calls that replace the loops", Loops),
            new("hash", "[--quick | --tiny] [--width 128|256|512] [--degree N] [--repeats N] [--collect] [--matrix]", """
                one hash over the bits of all results
                --matrix: that hash under every knob, in child processes, and samples alone against their batch
                """, Hash),
            new("guard", "[--quick]", """
                every buffer before and after a forbidden page, every length, every vector width (Linux)
                --quick: short buffers at one width, in this process alone
                """, Guard),
            new("alloc", "[--n STEPS]", "bytes allocated in the steady state", Allocation),
            new("race", "[--n CALLS]", "16 threads against the bits of one", Race),
            new("threads", "", "how many threads a call wakes on 4, 16 and 64 processors", Threads),
            new("misuse", "[--n ROUNDS]", """
                one layer in training and one context used by several passes at once: errors, but no fault (Linux)
                """, Misuse),
            new("fuzz", "[--n CASES] [--seed S] [--only CASE]", "random calls, right and wrong; --only: repeats one", Fuzz),
            new("safetensors", "[--n CASES] [--seed S] [--only CASE]", """
                every truncation and flipped header bit of 20 files, and N random changes
                """, SafeTensors),
            new("crash-save", "[--n KILLS] [--seed S]", """
                a process that saves a file is killed N times; the old file or the new one is there
                """, CrashSave),
            new("synchronize", "[--n CASES] [--seed S] [--ranks K] [--fault NAME,NAME... [--output DIR]] [--groups N]", """
                synchronized ranks against one process: K threads, or the processes that mpirun has started
                --fault: under mpirun, what becomes of channels, shape, null, order, twins, direction, length, gather,
                group, call, split, leave, end, exit, death, signals
                --groups: under mpirun, N groups in turn, each disposed
                """, Synchronize),
            new("huge", "", "tensors of more than 2^32 bytes; needs 16 GiB", Huge),
            new("planted", "[--only NAME]", """
                plants known bugs in a copy of the sources, and expects the test named for each to fail; needs the SDK
                """, Planted),
            new("all", "", "all of these but huge and planted, each as short as it can be", All),
        ],
        """
        Options that mean the same everywhere:

          --quick        a short form
          --n N          how many cases, calls, steps or kills
          --seed S       whole number that fixes what is drawn (default 1)
          --output DIR   the folder for what is written
          --help         this text, or what there is about one command

        Exit code: 0 all promises kept, 1 a promise broken, 2 wrong command or option, 3 output not written.
        """);

    public static int Run(ReadOnlySpan<string> arguments) => s_program.Run(arguments);

    private static int ExitCode(bool isKept) => isKept ? 0 : 1;

    private static int Accuracy(Options options)
    {
        (bool isFull, bool isQuick) = (options.Flag("--full"), options.Flag("--quick"));
        options.RejectUnknown();
        return ExitCode(AccuracyCheck.Run(Console.Out, isFull, isQuick));
    }

    private static int Functions(Options options)
    {
        const int SampleStep = 997, Doubles = 200_000;
        bool isQuick = options.Flag("--quick");
        options.RejectUnknown();
        return ExitCode(ElementaryCheck.Check(Console.Out, isQuick ? SampleStep : 1, Doubles));
    }

    private static int Loops(Options options)
    {
        options.RejectUnknown();
        return ExitCode(LoopCheck.Run(Console.Out));
    }

    private static int Hash(Options options)
    {
        (bool isMatrix, bool isTiny, bool isQuick) = (options.Flag("--matrix"), options.Flag("--tiny"), options.Flag("--quick"));
        HashSize size = isTiny ? HashSize.Tiny : isQuick ? HashSize.Quick : HashSize.Full;
        (int? width, int? degree) = (options.Number("--width"), options.Number("--degree"));
        int repeats = options.Number("--repeats") ?? 1;
        bool collect = options.Flag("--collect");
        options.RejectUnknown();
        if (width is not (null or 128 or 256 or 512) || degree == 0)
            throw new UsageException("--width is 128, 256 or 512, and --degree at least 1");
        if (isMatrix)
            return ExitCode(HashMatrix.Check(Console.Out, size));
        HashCheck.Report(Console.Out, size, width, degree, repeats, collect);
        return 0;
    }

    private static int Guard(Options options)
    {
        (bool plantedRead, bool plantedWrite, bool isQuick) = (options.Flag("--planted-read"), options.Flag("--planted-write"), options.Flag("--quick"));
        options.RejectUnknown();
        if (plantedRead)
            GuardCheck.ReadOneTooMany();
        else if (plantedWrite)
            GuardCheck.WriteToInput();
        else
            return ExitCode(isQuick ? GuardCheck.CheckQuickly(Console.Out) : GuardCheck.Check(Console.Out));
        return 0;
    }

    private static int Allocation(Options options)
    {
        int steps = options.Number("--n") ?? 10_000;
        options.RejectUnknown();
        return ExitCode(AllocationCheck.Check(Console.Out, steps));
    }

    private static int Race(Options options)
    {
        int calls = options.Number("--n") ?? 10_000;
        options.RejectUnknown();
        return ExitCode(RaceCheck.Check(Console.Out, calls));
    }

    private static int Threads(Options options)
    {
        bool isHere = options.Flag("--here");
        options.RejectUnknown();
        return ExitCode(isHere ? HelperCheck.ReportHere(Console.Out) : HelperCheck.Check(Console.Out));
    }

    private static int Misuse(Options options)
    {
        int rounds = options.Number("--n") ?? 2000;
        options.RejectUnknown();
        return ExitCode(MisuseCheck.Check(Console.Out, rounds));
    }

    private static int Fuzz(Options options) => Fuzz(options, FuzzCheck.Calls);

    private static int SafeTensors(Options options) => Fuzz(options, SafeTensorsCase.Fuzz, SafeTensorsCase.SystematicCount);

    /// <summary>The child process is given the range of its cases; a user asks for random ones, before which the systematic ones run.</summary>
    private static int Fuzz(Options options, FuzzCheck check, int systematic = 0)
    {
        int count = options.Number("--n") ?? 20_000, seed = options.Number("--seed") ?? 1, start = options.Number("--start") ?? 0;
        (int? only, string? progress) = (options.Number("--only"), options.Text("--progress"));
        options.RejectUnknown();
        if (only is int number)
            return ExitCode(check.Repeat(Console.Out, seed, number));
        if (progress is not null)
            return ExitCode(check.RunAsChild(Console.Out, seed, start, count, progress));
        return ExitCode(check.Check(Console.Out, seed, systematic + count));
    }

    private static int CrashSave(Options options)
    {
        int kills = options.Number("--n") ?? 20, seed = options.Number("--seed") ?? 1;
        (string? child, bool isPlanted) = (options.Text("--child"), options.Flag("--planted"));
        options.RejectUnknown();
        if (child is null)
            return ExitCode(CrashSaveCheck.Check(Console.Out, kills, seed, isPlanted));
        CrashSaveCheck.SaveUntilKilled(Console.Out, child, isPlanted);
        return 0;
    }

    private static int Synchronize(Options options)
    {
        int cases = options.Number("--n") ?? 500, seed = options.Number("--seed") ?? 1;
        (int? size, string? fault, int? groups) = (options.Number("--ranks"), options.Text("--fault"), options.Number("--groups"));
        string? report = options.Text("--output");
        options.RejectUnknown();
        if (size == 0 || (size is not null && MpiCollective.IsLaunched))
            throw new UsageException("--ranks is at least 1, and mpirun's own where mpirun starts the program");
        if (fault is not null)
            return PlantedFault.Run(fault, MpiCollective.Initialize(), report);
        if (groups is int number)
            return ExitCode(GroupCheck.Run(Console.Out, MpiCollective.Initialize(), number));
        if (MpiCollective.IsLaunched)
        {
            MpiCollective processes = MpiCollective.Initialize();
            return ExitCode(SynchronizeCheck.Report(Console.Out, processes, $"processes on {processes.Library}", cases, seed));
        }
        bool isKept = true;
        InMemoryCollective.Run(size ?? 4, threads => isKept &= SynchronizeCheck.Report(Console.Out, threads, "threads", cases, seed));
        return ExitCode(isKept);
    }

    private static int Huge(Options options)
    {
        options.RejectUnknown();
        return ExitCode(HugeCheck.Check(Console.Out));
    }

    private static int Planted(Options options)
    {
        string? only = options.Text("--only");
        options.RejectUnknown();
        return ExitCode(PlantedCheck.Check(Console.Out, only));
    }

    private static int All(Options options)
    {
        options.RejectUnknown();
        int worst = 0;
        string[] commands =
        [
            "accuracy", "functions --quick", "loops", "hash --matrix --quick", "guard", "alloc --n 1000", "race --n 500", "misuse --n 500", "threads", "fuzz --n 20000",
            "safetensors --n 20000", "crash-save --n 20", "synchronize",
        ];
        foreach (string command in commands)
        {
            Console.WriteLine($"== {command}");
            worst = Math.Max(worst, Run(command.Split(' ')));
            Console.WriteLine();
        }
        return worst;
    }
}
