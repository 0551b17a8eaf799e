namespace Normalization;

/// <summary>Replaces a file at once, or not at all.</summary>
internal static class AtomicFile
{
    private const UnixFileMode OwnerReadsAndWrites = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode AnybodyWrites = UnixFileMode.UserWrite | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    public static void Save(string path, Action<Stream> write)
    {
        path = Path.GetFullPath(path);
        bool isReplaced = IsReplaceable(path);
        UnixFileMode? mode = isReplaced && !OperatingSystem.IsWindows() ? File.GetUnixFileMode(path) : null;
        string temporary = Path.Combine(Path.GetDirectoryName(path) ?? path, $".{Guid.NewGuid():N}.safetensors.tmp");
        try
        {
            using (FileStream stream = Create(temporary, mode))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
                if (mode is { } kept && !OperatingSystem.IsWindows())
                    File.SetUnixFileMode(stream.SafeFileHandle, kept);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    /// <summary>Whether there is a file to replace. What must not be written, or is no file, is refused.</summary>
    private static bool IsReplaceable(string path)
    {
        try
        {
            // The file is opened to read and write, because opening a pipe for one of the two waits for the other end.
            using var old = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            // The system lets an administrator open a read-only file.
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(old) & AnybodyWrites) == 0)
                throw new UnauthorizedAccessException($"{path} is read-only and was not replaced.");
            RandomAccess.GetLength(old);
            return true;
        }
        catch (FileNotFoundException)
        {
            // Nothing is there, or a symbolic link to nothing.
            return false;
        }
        catch (NotSupportedException exception)
        {
            throw new IOException($"{path} is a pipe or a device, not a file, and was not replaced.", exception);
        }
    }

    /// <summary>Until it is complete, only its owner may read a file that replaces one whose permissions are known.</summary>
    private static FileStream Create(string path, UnixFileMode? mode)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
        if (mode is { } kept && !OperatingSystem.IsWindows())
            options.UnixCreateMode = kept & OwnerReadsAndWrites;
        return new(path, options);
    }

    // What went wrong before is what the caller has to know, not that the temporary file could not be removed either.
    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
        }
    }
}
