namespace Normalization.Verify.Planted;

internal static partial class PlantedBugs
{
    private static IEnumerable<PlantedBug> Files()
    {
        yield return new(
            "everybody reads a file while it is saved", "FilePermissionTests.Nobody_but_the_owner_can_read_a_file_while_it_replaces_another",
            ("kept & OwnerReadsAndWrites", "kept"));
        yield return new(
            "a read-only file is replaced", "FilePermissionTests.A_read_only_file_is_not_replaced_silently",
            ("(File.GetUnixFileMode(old) & AnybodyWrites) == 0", "false"));
        yield return new(
            "a link to nothing cannot be replaced", "FilePermissionTests.A_symbolic_link_to_nothing_is_replaced",
            ("return false;", "return File.GetUnixFileMode(path) != 0;"))
        { Type = "AtomicFile" };
        yield return new(
            "a pipe is replaced by a file", "FilePermissionTests.A_named_pipe_is_not_replaced_by_a_file",
            ("RandomAccess.GetLength(old);", ""));
        yield return new(
            "a pipe is waited for", "FilePermissionTests.A_named_pipe_is_not_opened_to_be_read",
            ("if (IsEmpty(path))", "if (false)"));
        yield return new(
            "a long header is saved and not loaded", "LayerDictionaryTests.Whatever_is_saved_can_be_loaded_however_long_its_header_is",
            ("Load(path, \"\", strict, headerLimit)", "Load(path, \"\", strict, Math.Min(headerLimit, SafeTensorsFile.DefaultHeaderLimit))"));
        yield return new(
            "messages are formatted for the culture of the thread", "CultureTests.Messages_are_the_same_in_every_culture",
            ("CultureInfo.InvariantCulture", "CultureInfo.CurrentCulture"))
        { Type = "DefaultInterpolatedStringHandler" };
        yield return new(
            "the sums of a row depend on the number of rows", "BatchInvarianceTests.Many_long_rows_have_the_bits_of_few",
            ("column += Thresholds.RowTile", "column += columns"), ("Math.Min(Thresholds.RowTile, columns - column)", "columns - column"));
        yield return new(
            "the actual value is added to a message for the culture of the thread", "CultureTests.Messages_are_the_same_in_every_culture",
            ("(name, $\"{name} {demand}", "(name, value, $\"{name} {demand}"));
    }
}
