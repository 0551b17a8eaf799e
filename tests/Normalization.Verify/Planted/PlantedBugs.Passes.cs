namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> Passes() => [];
}
