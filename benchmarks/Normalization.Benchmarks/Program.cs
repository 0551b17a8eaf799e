using BenchmarkDotNet.Running;
using Normalization.Benchmarks;
using Normalization.Benchmarks.Results;
using Normalization.Programs;

const string Usage = """
    usage: dotnet run -c Release --project benchmarks/Normalization.Benchmarks -- COMMAND

      peers [options]        this library beside its peers and the memory limit, in one run (peers --help)
      results [options]      all of peers with one thread and two, as benchmarks/RESULTS.md and benchmarks/speed.svg
      smoke                  every operation once, on small shapes, to see that nothing is broken
      synchronize [--paper]  what synchronized BatchNorm adds, over 1, 2 and 4 threads or under mpirun; --paper: ResNet-50 on many nodes
      heap WAY [--n N]       what large tensors cost a process that runs for long: tensor, array or pinned array
      layers [options]       BenchmarkDotNet; the options are its own, for example --filter '*LayerNorm*'
    """;

IContender[] contenders =
[
    new NormalizationContender<float>("plain"),
    new NormalizationContender<double>("double"),
    new TensorPrimitivesContender(),
];
return ProgramRun.ExitCodeOf(() =>
{
    switch (args)
    {
        case ["peers", .. var options]:
            return PeerComparison.Run(options, contenders);
        case ["results", .. var options]:
            return ResultsCommand.Run(options, contenders);
        case ["smoke"]:
            return Smoke.Run(contenders);
        case ["synchronize", .. var options]:
            return SynchronizeCommand.Run(options);
        case ["heap", .. var options]:
            return HeapCost.Run(options);
        case ["layers", .. var options]:
            BenchmarkSwitcher.FromAssembly(typeof(LayerBenchmarks).Assembly).Run(options);
            return 0;
        case ["--help" or "-h"]:
            Console.WriteLine(Usage);
            return 0;
        default:
            Console.Error.WriteLine(Usage);
            return 2;
    }
});
