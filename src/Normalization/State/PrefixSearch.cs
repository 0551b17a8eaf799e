namespace Normalization;

/// <summary>Finds the prefix that a state has before the keys of a model.</summary>
internal static class PrefixSearch
{
    /// <summary>
    /// The prefix under which a state has the most keys of the slots, or null if that is not more than under the present one.
    /// </summary>
    public static string? Better(IReadOnlyCollection<StateSlot> slots, StateDictionary state, string present)
    {
        IEnumerable<string> keys = slots.Where(static slot => !slot.IsOptional).Select(slot => slot.Key[present.Length..]);
        var wanted = keys.ToHashSet(StringComparer.Ordinal);
        HashSet<string>.AlternateLookup<ReadOnlySpan<char>> lookup = wanted.GetAlternateLookup<ReadOnlySpan<char>>();
        int longest = wanted.Max(static key => key.Length);
        var found = new Dictionary<string, int>(StringComparer.Ordinal) { [present] = 0 };
        foreach (string key in state.Keys)
        {
            // A longer rest of the key cannot be the key of a slot. So a key of a million dots takes time in proportion to its length.
            for (int start = Math.Max(0, key.Length - longest); start < key.Length; start++)
            {
                if ((start == 0 || key[start - 1] == '.') && lookup.Contains(key.AsSpan(start)))
                    found[key[..start]] = found.GetValueOrDefault(key[..start]) + 1;
            }
        }
        (string prefix, int count) = found.MaxBy(static pair => pair.Value);
        return count > found[present] ? prefix : null;
    }
}
