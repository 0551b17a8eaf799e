using BenchmarkDotNet.Running;
using Normalization.Benchmarks.Pictures;
using Normalization.Benchmarks.Results;
using Normalization.Programs;

namespace Normalization.Benchmarks;

/// <summary>The commands of the program.</summary>
internal static class BenchmarkCommands
{
    private static readonly IContender[] s_contenders =
    [
        new NormalizationContender<float>("plain"),
        new NormalizationContender<double>("double"),
        new NormalizationContender<float>("channels-last", ChannelAxis.Last),
        new UnfusedContender(),
        new TensorPrimitivesContender(),
    ];

    public static CommandProgram Program { get; } = new(
        "Measures how fast the library is, and draws the pictures of its documentation.",
        [
            new(PeerComparison.Name, PeerComparison.Synopsis, PeerComparison.Description, static options => PeerComparison.Run(options, s_contenders)),
            new("results", ResultsCommand.Synopsis, ResultsCommand.Description, static options => ResultsCommand.Run(options, s_contenders)),
            new("smoke", "", "calls every operation once, on small shapes, to see that nothing is broken", Smoke),
            new("synchronize", "[--paper]", SynchronizeCommand.Description, SynchronizeCommand.Run),
            new("heap", HeapCost.Synopsis, HeapCost.Description, HeapCost.Run),
            new("pictures", "[--output DIR]", PicturesCommand.Description, PicturesCommand.Run),
            new("layers", "[OPTIONS]", "runs BenchmarkDotNet; the options are its own, for example --filter '*LayerNorm*'", Layers),
        ],
        """
        Options that mean the same everywhere:

          --output DIR   the folder for what is written
          --data FILE    what was measured before, to be read instead of measured again
          --n N          how often something is done
          --help         this text, or what there is about one command

        Exit code: 0 done, 2 wrong command or option, 3 output not written.
        """);

    private static int Smoke(Options options)
    {
        options.RejectUnknown();
        return Benchmarks.Smoke.Run(s_contenders);
    }

    private static int Layers(Options options)
    {
        BenchmarkSwitcher.FromAssembly(typeof(LayerBenchmarks).Assembly).Run([.. options.All]);
        return 0;
    }
}
