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

    /// <summary>Checks everything, then changes everything or nothing. Keys that are not ours are nobody's business here.</summary>
    public static StateReport Load(IEnumerable<StateSlot> slots, StateDictionary state, Func<string, bool> isOurs, bool strict)
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
        var report = new StateReport(fits, missing, unexpected, errors);
        if (strict && !fits)
            throw new ArgumentException(report.ToString(), nameof(state));
        if (fits)
        {
            foreach (StateSlot slot in byKey.Values)
                slot.Commit();
        }
        return report;
    }
}
