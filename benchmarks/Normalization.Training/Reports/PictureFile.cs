namespace Normalization.Training.Reports;

/// <summary>The file for the picture. What is wrong with its path is said before the work, not after it.</summary>
internal static class PictureFile
{
    public static void EnsureWritable(string path) => Guard(path, () =>
    {
        bool existed = File.Exists(path);
        new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write).Dispose();
        if (!existed)
            File.Delete(path);
    });

    public static void Write(string path, string picture) => Guard(path, () => File.WriteAllText(path, picture));

    private static void Guard(string path, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UsageException($"cannot write the picture '{path}': {e.Message}");
        }
    }
}
