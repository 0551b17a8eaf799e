using Normalization.Training.Reports;

namespace Normalization.Training.Commands;

/// <summary>Writes what the repository shows of the claims, or checks that it shows what the results say.</summary>
internal static class ReportCommand
{
    private const string HelpText =
        """
        report [--check]: writes the page, the table of .github/docs/claims.md and its pictures from the results that are
        committed (benchmarks/Normalization.Training/Results). Run it inside the checkout, after

          claims --output benchmarks/Normalization.Training/Results

        Options:
          --check        writes nothing; says which files show something else than the results
          --help         this text

        Exit code: 0 done, or all files are right; 2 wrong option, or a file is not right.

        """;

    public static void Run(IReadOnlyList<string> arguments)
    {
        bool check = false, help = false;
        var reader = new ArgumentReader(arguments);
        while (reader.Next())
        {
            _ = reader.Current switch
            {
                "--check" => check = reader.Flag(),
                "--help" or "-h" => help = reader.Flag(),
                _ => throw reader.Unknown(["--check", "--help"]),
            };
        }

        if (help)
        {
            Console.Write(HelpText);
            return;
        }

        string root = Checkout.RootOf(".") ?? throw new UsageException("this is no checkout of the repository");
        var report = new PublishedReport(root);
        IReadOnlyList<string> outdated = report.Outdated();
        if (check && outdated.Count > 0)
            throw new UsageException($"not what the results say: {string.Join(", ", outdated)}; the command 'report' writes them");

        if (!check)
        {
            foreach ((string path, string content) in report.Files())
                OutputFile.Write(path, content);
        }

        Console.WriteLine(check ? "All files show what the results say."
            : $"Written: {(outdated.Count > 0 ? string.Join(", ", outdated) : "nothing new")}");
    }
}
