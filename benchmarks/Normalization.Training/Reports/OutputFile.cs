namespace Normalization.Training.Reports;

/// <summary>Files that the program writes. What is wrong with a path is said before the work, not after it.</summary>
internal static class OutputFile
{
    public static void EnsureWritable(string path) => Guard(path, () =>
    {
        bool existed = File.Exists(path);
        new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write).Dispose();
        if (!existed)
            File.Delete(path);
    });

    public static void Write(string path, string text) => Guard(path, () => File.WriteAllText(path, text));

    public static void CreateFolder(string path) => Guard(path, () => Directory.CreateDirectory(path));

    private static void Guard(string path, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UsageException($"cannot write '{path}': {e.Message}");
        }
    }
}
