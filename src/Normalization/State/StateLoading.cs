namespace Normalization;

/// <summary>From slots to a state and back.</summary>
internal static class StateLoading
{
    public static StateDictionary Snapshot(IEnumerable<StateSlot> slots)
    {
        var state = new StateDictionary();
        foreach (StateSlot slot in slots)
            state.Add(slot.Key, slot.Snapshot());
        return state;
    }

    /// <summary>Checks everything, then changes everything or nothing. Keys of other layers are ignored here.</summary>
    /// <param name="slots">What the layers have.</param>
    /// <param name="state">What they are given.</param>
    /// <param name="isOurs">Whether a key belongs to one of the layers.</param>
    /// <param name="strict">Whether a missing or an unexpected key is an error.</param>
    /// <param name="prefix">What stands before the keys of all slots, and could be another prefix; null if it could not.</param>
    public static StateReport Load(
        IEnumerable<StateSlot> slots, StateDictionary state, Func<string, bool> isOurs, bool strict, string? prefix = null)
    {
        Dictionary<string, StateSlot> byKey = slots.ToDictionary(static slot => slot.Key);
        List<string> missing = [], errors = [];
        bool isComplete = true;
        foreach (StateSlot slot in byKey.Values)
        {
            if (!state.TryGetValue(slot.Key, out StateValue? value))
            {
                missing.Add(slot.Key);
                isComplete &= slot.IsOptional;
            }
            else if (slot.Stage(value) is string error)
            {
                errors.Add($"{slot.Key}: {error}");
            }
        }
        string[] unexpected = [.. state.Keys.Where(key => !byKey.ContainsKey(key) && isOurs(key))];
        bool fits = errors.Count == 0 && (!strict || (isComplete && unexpected.Length == 0));
        string? suggested = isComplete || prefix is null ? null : PrefixSearch.Better(byKey.Values, state, prefix);
        var report = new StateReport(fits, missing, unexpected, errors, suggested);
        if (strict && !fits)
            throw new ArgumentException(report.ToString(), nameof(state));
        if (fits)
        {
            foreach (StateSlot slot in byKey.Values)
                slot.Commit();
            foreach (Action loaded in byKey.Values.Select(static slot => slot.Loaded).Distinct())
                loaded();
        }
        return report;
    }
}
