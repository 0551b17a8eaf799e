namespace Normalization.Verify.Numerics;

/// <summary>Hard and ordinary data, one group of elements at a time.</summary>
internal sealed record Distribution(string Name, Action<double[], Random> Fill)
{
    public bool IsConstant => Name.StartsWith("constant", StringComparison.Ordinal);

    /// <summary>Gets a value indicating whether the figures are shown but not judged: between ±1e9 the mean of the others needs sums of more than 53 bits.</summary>
    public bool IsBeyond => Name.EndsWith('*');

    public static IReadOnlyList<Distribution> All { get; } =
    [
        Normal("N(0, 1)", 0, 1),
        Normal("N(1e3, 1)", 1e3, 1),
        Normal("N(1e4, 1e-2)", 1e4, 1e-2),
        Normal("N(1e6, 0.1)", 1e6, 0.1),
        Normal("N(-1e4, 1)", -1e4, 1),
        Normal("N(16777216, 3)", 16777216, 3),
        Each("40000..40003", random => 40000 + random.Next(4)),
        Each("constant 0", _ => 0),
        Each("constant 1234", _ => 1234),
        Each("constant 12345.678", _ => 12345.678),
        Each("constant 1e37", _ => 1e37),
        new("outlier first 1e6", (x, random) => Outlier(x, random, 0, 1e6)),
        new("outlier first 1e30", (x, random) => Outlier(x, random, 0, 1e30)),
        new("outlier last -1e6", (x, random) => Outlier(x, random, x.Length - 1, -1e6)),
        new("two outliers ±1e4", (x, random) => (x[0], x[^1]) = (1e4, -1e4), Normal("", 0, 1)),
        new("two outliers ±1e6 *", (x, random) => (x[0], x[^1]) = (1e6, -1e6), Normal("", 0, 1)),
        new("two outliers ±1e9 *", (x, random) => (x[0], x[^1]) = (1e9, -1e9), Normal("", 0, 1)),
        new("two outliers ±1e18 *", (x, random) => (x[0], x[^1]) = (1e18, -1e18), Normal("", 0, 1)),
        Each("bimodal ±1e4", random => ((random.Next(2) * 2) - 1) * (1e4 + Gauss(random))),
        Each("heavy tails (Cauchy)", random => Math.Tan(Math.PI * (random.NextDouble() - 0.5))),
        Each("log-uniform 1e±15", random => ((random.Next(2) * 2) - 1) * Math.Pow(10, (30 * random.NextDouble()) - 15)),
        Normal("N(0, 1e30)", 0, 1e30),
        Normal("N(0, 1e37)", 0, 1e37),
        Normal("N(1e37, 1e35)", 1e37, 1e35),
        Normal("N(0, 1e-25)", 0, 1e-25),
        Each("subnormal", random => Gauss(random) * 1e-40),
        new("alternating signs", (x, _) => Index(x, i => i % 2 == 0 ? 3.25 : -3.25)),
        new("sorted", (x, _) => Index(x, i => i * 0.37)),
        new("two values one ulp apart", (x, random) => Index(x, _ => random.Next(2) == 0 ? 1 : 1 + Math.ScaleB(1, -23))),
        new("one differs by an ulp", (x, _) => Index(x, i => i == x.Length / 2 ? 4096 + Math.ScaleB(1, -11) : 4096)),
        Each("uniform [0, 1)", random => random.NextDouble()),
        Each("after ReLU", random => Math.Max(0, Gauss(random))),
        Each("across a power of two", random => 65536 + (random.NextDouble() - 0.5) * 0.02),
    ];

    private Distribution(string name, Action<double[], Random> then, Distribution first)
        : this(name, (x, random) =>
        {
            first.Fill(x, random);
            then(x, random);
        })
    {
    }

    public static Distribution Named(string name) => All.Single(distribution => distribution.Name == name);

    public static double Gauss(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private static Distribution Normal(string name, double mean, double deviation) =>
        Each(name, random => mean + (deviation * Gauss(random)));

    private static Distribution Each(string name, Func<Random, double> value) => new(name, (x, random) => Index(x, _ => value(random)));

    private static void Index(double[] x, Func<int, double> value)
    {
        for (int i = 0; i < x.Length; i++)
            x[i] = value(i);
    }

    private static void Outlier(double[] x, Random random, int index, double value)
    {
        Index(x, _ => Gauss(random));
        x[index] = value;
    }
}
