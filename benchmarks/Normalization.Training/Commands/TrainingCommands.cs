namespace Normalization.Training.Commands;

/// <summary>The commands of the program; options without a command are those of the first.</summary>
internal static class TrainingCommands
{
    public static IReadOnlyList<string> Names { get; } = ["compare", "claims", "distributed", "report"];

    public static void Run(string[] arguments, CancellationToken cancellation)
    {
        switch (arguments)
        {
            case ["claims", .. string[] options]: ClaimsCommand.Run(options, cancellation); break;
            case ["distributed", .. string[] options]: DistributedCommand.Run(options, cancellation); break;
            case ["report", .. string[] options]: ReportCommand.Run(options); break;
            case ["compare", .. string[] options]: CompareCommand.Run(options, cancellation); break;
            default: CompareCommand.Run(arguments, cancellation); break;
        }
    }
}
