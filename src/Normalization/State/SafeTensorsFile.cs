namespace Normalization;

/// <summary>
/// A file in the safetensors format, in which PyTorch, JAX and others exchange weights: an 8-byte length, a JSON header of that
/// length that names each value with its type, shape and byte range, and the data, little-endian.
/// </summary>
/// <remarks>
/// <para>
/// Opening a file reads and checks only the header. A value is read when it is used, so a file may be larger than memory. F32, F64,
/// F16, BF16 and I64 can be read. Values of the other types of the format cannot be read, but every value of a file can be saved again,
/// with the type and the bytes that it has there. Values can be read from any number of threads at once.
/// </para>
/// <para>
/// The file is not trusted. An <see cref="InvalidDataException"/> refuses a header that is longer than the limit or than the file,
/// not valid UTF-8 or JSON, nested too deeply, or holds anything twice; unknown types and fields; numbers that are no integers, or
/// overflow; and byte ranges that overlap, leave gaps, or do not end where the file ends.
/// </para>
/// <para>
/// An open file can be replaced, also by saving to the same path. The open file then still gives the old values. (On Windows an open
/// file cannot be replaced: dispose it first.)
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var norm = new LayerNorm&lt;float>(8);
/// SafeTensorsFile.Save(path, norm.GetState());
///
/// using SafeTensorsFile file = SafeTensorsFile.Open(path);  // reads the header alone
/// Tensor&lt;float> weight = file.State["weight"].ToTensor&lt;float>();
/// norm.LoadState(file.State);
/// </code>
/// </example>
public sealed partial class SafeTensorsFile : IDisposable
{
    /// <summary>The longest header in bytes that is accepted unless another limit is given: 1 MiB.</summary>
    public const int DefaultHeaderLimit = 1 << 20;

    /// <summary>The longest header in bytes that can be accepted, and is written: 100 MB, as in the reference implementation.</summary>
    public const int MaxHeaderLimit = 100_000_000;

    private readonly ByteSource _source;
    private readonly List<SafeTensorsEntry> _entries;

    private SafeTensorsFile(ByteSource source, int headerLimit)
    {
        _source = source;
        (_entries, Metadata) = SafeTensorsHeader.Read(source, headerLimit);
        foreach (SafeTensorsEntry entry in _entries)
            State.Add(entry.Name, new StoredValue(source, entry));
    }

    /// <summary>
    /// Gets the values by their names, in the order of the header. Their elements are read from the file when a value is converted or
    /// saved.
    /// </summary>
    public StateDictionary State { get; } = [];

    /// <summary>Gets the texts that the file holds beside the values.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <param name="path">The file.</param>
    /// <param name="headerLimit">The longest header in bytes that is accepted, at most <see cref="MaxHeaderLimit"/>.</param>
    /// <returns>The open file.</returns>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive, or too high.</exception>
    /// <exception cref="InvalidDataException">The file is not a valid safetensors file.</exception>
    /// <exception cref="IOException">The file is not there or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file must not be read.</exception>
    public static SafeTensorsFile Open(string path, int headerLimit = DefaultHeaderLimit)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        GuardLimit(headerLimit);
        return Open(new FileSource(path), headerLimit);
    }

    /// <summary>Reads the content of a safetensors file that is in memory, for example a resource, without copying it.</summary>
    /// <param name="content">The bytes of the file; they must not change while values are read.</param>
    /// <param name="headerLimit">The longest header in bytes that is accepted, at most <see cref="MaxHeaderLimit"/>.</param>
    /// <returns>The open file.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive, or too high.</exception>
    /// <exception cref="InvalidDataException">The bytes are not a valid safetensors file.</exception>
    public static SafeTensorsFile Parse(ReadOnlyMemory<byte> content, int headerLimit = DefaultHeaderLimit)
    {
        GuardLimit(headerLimit);
        return Open(new MemorySource(content), headerLimit);
    }

    /// <summary>Reads a whole file into memory and closes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="headerLimit">The longest header in bytes that is accepted, at most <see cref="MaxHeaderLimit"/>.</param>
    /// <returns>The values in the order of the header, of the types that they have in the file.</returns>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive, or too high.</exception>
    /// <exception cref="InvalidDataException">The file is not a valid safetensors file.</exception>
    /// <exception cref="NotSupportedException">A value is too large for memory.</exception>
    /// <exception cref="IOException">The file is not there or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file must not be read.</exception>
    public static StateDictionary Load(string path, int headerLimit = DefaultHeaderLimit)
    {
        using SafeTensorsFile file = Open(path, headerLimit);
        var state = new StateDictionary();
        foreach ((string key, StateValue value) in file.State)
            state.Add(key, value.Loaded());
        return state;
    }

    /// <summary>
    /// Saves a state. The file at the path is replaced at once: the state is written to a temporary file in the same folder, flushed
    /// to the disk and renamed. If the process is killed at any moment, either the complete old file or the complete new file is there.
    /// </summary>
    /// <remarks>
    /// A process that is killed may leave the temporary file, named .*.safetensors.tmp, behind. A symbolic link is replaced by the new
    /// file; the file that it points to does not change. A read-only file, a folder and a pipe are not replaced. On Unix the
    /// permissions of the old file are kept, or of the file that the symbolic link points to. Until the new file is complete, only its
    /// owner can read it. Where there was no file, the new file has the default permissions. The folder itself cannot be flushed from
    /// .NET: after a power failure the old file may be back. The same state gives the same bytes, whatever the order of its keys.
    /// </remarks>
    /// <param name="path">The file.</param>
    /// <param name="state">The values. They may lie in an open file, this one too; each is written in the type that it has.</param>
    /// <param name="metadata">Texts to store beside the values, for example format: pt, which some readers want to see.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The path is empty, a name is __metadata__ or not valid Unicode, or the header would be too
    /// long.</exception>
    /// <exception cref="IOException">The file cannot be written; the old one is as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">The file is read-only, or must not be written; the old one is as it was.</exception>
    /// <exception cref="ObjectDisposedException">A value lies in a file that has been disposed.</exception>
    public static void Save(string path, StateDictionary state, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var writer = new SafeTensorsWriter(state, metadata);
        AtomicFile.Save(path, writer.Write);
    }

    /// <summary>Writes the content of a safetensors file to a stream.</summary>
    /// <param name="stream">The stream; it is neither flushed nor closed.</param>
    /// <param name="state">The values; each is written in the type that it has.</param>
    /// <param name="metadata">Texts to store beside the values.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A name is __metadata__ or not valid Unicode, or the header would be too long; nothing has
    /// been written.</exception>
    /// <exception cref="IOException">The stream cannot be written, or a file cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">A value lies in a file that has been disposed.</exception>
    public static void Write(Stream stream, StateDictionary state, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        new SafeTensorsWriter(state, metadata).Write(stream);
    }

    /// <summary>Closes the file. Values that have been read stay; others can no longer be read.</summary>
    public void Dispose() => _source.Dispose();

    private static void GuardLimit(int headerLimit)
    {
        Guard.Positive(headerLimit);
        Guard.AtMost(headerLimit, MaxHeaderLimit);
    }

    private static SafeTensorsFile Open(ByteSource source, int headerLimit)
    {
        try
        {
            return new(source, headerLimit);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }
}
