namespace Normalization.Benchmarks;

/// <summary>The <c>smoke</c> command: prepares and calls every operation of every contender once, on small shapes.</summary>
internal static class Smoke
{
    private const int Elements = 1 << 18;

    public static int Run(IReadOnlyList<IContender> contenders)
    {
        int calls = 0;
        foreach (ComparisonCase item in ComparisonCase.All.Where(c => c.Dimensions.Aggregate(1L, (a, b) => a * b) <= Elements))
        {
            foreach (Action call in contenders
                .Select(c => c.Prepare(item.Operation, item.Dimensions, item.Groups, Environment.ProcessorCount))
                .OfType<Action>())
            {
                call();
                calls++;
            }
        }
        Console.WriteLine($"{calls} operations ran.");
        return 0;
    }
}
