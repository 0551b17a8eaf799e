using Normalization.Benchmarks;
using Normalization.Programs;

return ProgramRun.ExitCodeOf(() => BenchmarkCommands.Program.Run(args));
