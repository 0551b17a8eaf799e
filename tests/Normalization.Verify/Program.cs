using Normalization.Programs;
using Normalization.Verify;

return ProgramRun.ExitCodeOf(() => Commands.Run(args));
