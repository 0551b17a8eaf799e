namespace Normalization.Training.Claims.Method;

/// <summary>All runs of a sweep over learning rates, and the rate that was best on average.</summary>
internal sealed record Tuned<TRun>(double Rate, bool IsEdge, IReadOnlyList<(double Rate, TRun[] Runs)> Sweep)
{
    public TRun[] Runs => Sweep.First(s => s.Rate == Rate).Runs;

    /// <summary>The rate, and whether the grid ends there.</summary>
    public string RateText => $"{Rate}{(IsEdge ? " (edge of the grid)" : "")}";
}

/// <summary>Chooses settings on validation images.</summary>
internal static class Tuning
{
    private const int MostWidenings = 4;

    /// <summary>Trains each key at each rate of a geometric grid. Where the best rate is an edge of the grid, the grid is widened
    /// there.</summary>
    public static IReadOnlyDictionary<TKey, Tuned<TRun>> Tune<TKey, TRun>(
        this Laboratory laboratory, IEnumerable<TKey> keys, IReadOnlyList<double> rates, Func<TKey, double, int, TRun> train, Func<TRun,
            double> quality)
        where TKey : notnull
    {
        TKey[] all = [.. keys];
        double ratio = Math.Pow(rates[^1] / rates[0], 1.0 / (rates.Count - 1));
        Dictionary<TKey, List<(double Rate, TRun[] Runs)>> sweeps = all.ToDictionary(key => key, _ => new List<(double, TRun[])>());
        List<(TKey Key, double Rate)> next = [.. all.SelectMany(key => rates.Select(rate => (key, rate)))];
        for (int widenings = 0; next.Count > 0; widenings++)
        {
            foreach (((TKey key, double rate), TRun[] runs) in laboratory.ForEach(next, (s, seed) => train(s.Key, s.Rate, seed)))
                sweeps[key].Add((rate, runs));

            foreach (List<(double Rate, TRun[] Runs)> sweep in sweeps.Values)
                sweep.Sort((a, b) => a.Rate.CompareTo(b.Rate));

            next = widenings < MostWidenings && !laboratory.IsQuick ? [.. all.SelectMany(Beyond)] : [];
        }

        return all.ToDictionary(key => key, key => new Tuned<TRun>(Best(key), IsAtEdge(key), sweeps[key]));

        double Best(TKey key) => sweeps[key].MaxBy(s => Mean(s.Runs)).Rate;

        bool IsAtEdge(TKey key) => Best(key) == sweeps[key][0].Rate || Best(key) == sweeps[key][^1].Rate;

        IEnumerable<(TKey, double)> Beyond(TKey key)
        {
            if (Best(key) == sweeps[key][0].Rate)
                yield return (key, Rounded(Best(key) / ratio));
            else if (Best(key) == sweeps[key][^1].Rate)
                yield return (key, Rounded(Best(key) * ratio));
        }

        // A run without a number is the worst.
        double Mean(TRun[] runs) => runs.Average(run => double.IsNaN(quality(run)) ? double.NegativeInfinity : quality(run));
    }

    /// <summary>Rates from one to another, so many in each decade, as people write them.</summary>
    public static IReadOnlyList<double> Rates(double least, double most, int perDecade)
    {
        int count = (int)Math.Round(Math.Log10(most / least) * perDecade) + 1;
        return [.. Enumerable.Range(0, count).Select(i => Rounded(least * Math.Pow(10, (double)i / perDecade)))];
    }

    private static double Rounded(double value) => double.Parse($"{value:G2}", System.Globalization.CultureInfo.InvariantCulture);
}
