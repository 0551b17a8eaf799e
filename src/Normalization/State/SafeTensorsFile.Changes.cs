namespace Normalization;

public sealed partial class SafeTensorsFile
{
    /// <summary>
    /// Saves this file with other values at some of its keys. Every other byte is what it is here: the header, the texts beside the
    /// values, and the values that stay, of whatever type. The file at the path is replaced at once, as by <see cref="Save"/>.
    /// </summary>
    /// <remarks>
    /// A new value has the shape of the old one and is converted to its type: a <see cref="float"/> that takes the place of F16 or BF16
    /// is rounded to the nearest number of that type, and of two equally near ones to the even one. What was read from a half type and
    /// not changed therefore has the same bits again.
    /// </remarks>
    /// <param name="path">The file to write; it may be this one (on Windows an open file cannot be replaced).</param>
    /// <param name="changes">The new values, by keys of this file.</param>
    /// <exception cref="ArgumentNullException"><paramref name="changes"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// The path is empty, a key is not in this file, a shape is another one, or a finite number does not fit the type in the file, for
    /// example 70,000 as F16; the message names every such key. Nothing has been written.
    /// </exception>
    /// <exception cref="IOException">The file cannot be written or this one cannot be read; the old one is as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">The file must not be written; the old one is as it was.</exception>
    /// <exception cref="ObjectDisposedException">This file has been disposed.</exception>
    public void SaveChanged(string path, StateDictionary changes)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(changes);
        var entries = _entries.ToDictionary(static entry => entry.Name, StringComparer.Ordinal);
        List<string> errors = [];
        foreach ((string key, StateValue value) in changes)
        {
            if (Mismatch(entries.GetValueOrDefault(key), value) is string error)
                errors.Add($"{KeyText.Shown(key)}: {error}");
        }
        if (errors.Count > 0)
        {
            throw new ArgumentException(
                $"The changes do not fit {_source.Name}; nothing was written.\n  {string.Join("\n  ", KeyText.Limited(errors))}",
                    nameof(changes));
        }
        AtomicFile.Save(path, stream => WriteChanged(stream, changes));
    }

    private static string? Mismatch(SafeTensorsEntry? entry, StateValue value)
    {
        if (entry is null)
            return "the file has no such key";
        if (!value.Shape.SequenceEqual(entry.Shape))
            return $"expected shape {StateValue.FormatShape(entry.Shape)}, got {value.FormatShape()}";
        if (value.Format == entry.Format)
            return null;
        if (value.Format.Kind != entry.Format.Kind || entry.Format.Kind == ElementKind.Unsupported)
            return $"{value.ElementType} cannot take the place of {entry.Format.Name}";
        return entry.Format.FindOverflow(value) is (long index, double element)
            ? $"element {index} is {element}, which does not fit {entry.Format.Name}" : null;
    }

    private void WriteChanged(Stream stream, StateDictionary changes)
    {
        _source.CopyTo(stream, 0, _entries.Count == 0 ? _source.Length : _entries.Min(static entry => entry.Offset));
        // The header has made sure that the values lie one after another to the end of the file.
        foreach (SafeTensorsEntry entry in _entries.OrderBy(static entry => entry.Offset))
        {
            StateValue kept = State[entry.Name];
            if (!changes.TryGetValue(entry.Name, out StateValue? changed) || changed.Format == entry.Format)
                (changed ?? kept).Write(stream);
            else
                entry.Format.Write(changed, stream);
        }
    }
}
