namespace Normalization.Training.Reports;

/// <summary>The checkout that a folder lies in.</summary>
internal static class Checkout
{
    private const string Mark = "Normalization.sln";

    /// <summary>The top of the checkout around this folder; null if there is none.</summary>
    public static string? RootOf(string folder)
    {
        for (DirectoryInfo? place = new(Path.GetFullPath(folder)); place is not null; place = place.Parent)
        {
            if (File.Exists(Path.Combine(place.FullName, Mark)))
                return place.FullName;
        }

        return null;
    }

    /// <summary>The relative way from this folder to the top of the checkout around it, as links write it; null if there is none.</summary>
    public static string? WayFrom(string folder) =>
        RootOf(folder) is string root ? Path.GetRelativePath(Path.GetFullPath(folder), root).Replace('\\', '/') : null;
}
