using System.Numerics;

namespace Normalization.Verify.Numerics;

/// <summary>The sweep over layers, distributions and sizes, and its table.</summary>
internal static class AccuracyCheck
{
    private static readonly int[] s_sizes = [2, 3, 7, 16, 49, 257, 4096, 65536, 1 << 20];
    private static readonly int[] s_quickSizes = [7, 257];
    private static readonly double[] s_epsilons = [0, 1e-12, 1e-8, 1e-3];

    private static readonly OutputGradientKind[] s_outputGradients = Enum.GetValues<OutputGradientKind>();

    private static readonly Scales[] s_scales =
    [
        .. from exponent in (int[])[-997, -700, -500, -365, -240, 240, 350, 400, 500, 700, 997]
           from scales in (Scales[])[new(Input: exponent), new(Weight: exponent), new(Bias: exponent), new(OutputGradient: exponent)]
           select scales,
        new(Input: -465, Weight: 565, Bias: 565), new(Input: 465, Weight: -581), new(Input: 900, OutputGradient: 900),
        new(Input: -900, OutputGradient: -900), new(Weight: 900, OutputGradient: -900), new(Weight: -900, Bias: -900, OutputGradient: 900),
        new(Input: 300, Weight: 700, OutputGradient: 500), new(Input: -300, Weight: -700, OutputGradient: -500),
    ];

    public static bool Run(TextWriter output, bool isFull, bool isQuick)
    {
        int[] sizes = isQuick ? s_quickSizes : s_sizes, scaledSizes = isQuick ? s_quickSizes : [16, 257, 4096, 20_000];
        bool isKept = Report<float>(output, isFull, Cases(isFull, sizes));
        isKept &= Report<double>(output, isFull, Cases(isFull, sizes).Concat(ScaleCases(scaledSizes)));
        return isKept;
    }

    public static IReadOnlyList<Measurement> Measure<T>(IEnumerable<AccuracyCase> cases) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        AccuracyCase[] all = [.. cases];
        var results = new Measurement[all.Length];
        Parallel.For(0, all.Length, i => results[i] = AccuracyMeter.Measure<T>(all[i], i));
        return results;
    }

    /// <summary>Every layer and distribution at these sizes; the default epsilon everywhere, the others at a few sizes.</summary>
    public static IEnumerable<AccuracyCase> Cases(bool isFull, params int[] sizes) =>
        from size in sizes
        from distribution in Distribution.All
        where isFull || size < 1 << 20 || distribution.Name is "N(0, 1)" or "N(1e4, 1e-2)"
        from epsilon in (double[])[1e-5, .. s_epsilons]
        where epsilon == 1e-5 || (isFull ? size < 65536 : size is 2 or 16 or 49)
        from affine in (bool[])[true, false]
        where affine || isFull || size < 65536
        from @case in Layers(size, distribution, epsilon, affine)
        from outputGradient in epsilon == 1e-5 && affine && size < 65536 ? s_outputGradients : s_outputGradients[..1]
        select @case with { OutputGradient = outputGradient };

    /// <summary>Doubles from 10⁻³⁰⁰ to 10³⁰⁰: data, γ, β and dy each alone, and some of them together.</summary>
    public static IEnumerable<AccuracyCase> ScaleCases(params int[] sizes) =>
        from size in sizes
        from scales in s_scales
        from @case in Layers(size, Distribution.Named("N(0, 1)"), epsilon: 0, affine: true)
        select @case with { Scales = scales };

    /// <summary>The layers in all the forms in which a group can have this size.</summary>
    public static IEnumerable<AccuracyCase> Layers(int size, Distribution distribution, double epsilon, bool affine)
    {
        int few = size >= 65536 ? 1 : 3;
        int shortRun = Enumerable.Range(2, 48).LastOrDefault(run => size % run == 0, 1);
        int quarter = size % 4 == 0 && size > 4 ? 4 : 1;
        List<Geometry> geometries =
        [
            Geometry.Batch(size, few + 2, 1),
            Geometry.Batch(quarter, few, size / quarter),
            Geometry.Layer(few, size),
            Geometry.Rms(few, size),
            Geometry.Instance(1, few, size),
            Geometry.Group(2, few * quarter, size / quarter, few),
        ];
        if (shortRun > 1 && size < 65536)
            geometries.Add(Geometry.Batch(size / shortRun, few, shortRun));
        if (shortRun is > 1 and < 16)
            geometries.Add(Geometry.Group(few, few * (size / shortRun), shortRun, few));
        foreach (Geometry geometry in geometries)
        {
            yield return new(geometry, distribution, epsilon, affine);
            if (geometry.Kind == LayerKind.BatchNorm && epsilon > 0)
                yield return new(geometry, distribution, epsilon, affine, Fixed: true);
        }
    }

    private static bool Report<T>(TextWriter output, bool isFull, IEnumerable<AccuracyCase> cases)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        IReadOnlyList<Measurement> results = Measure<T>(cases);
        var precision = Precision.Of<T>();
        bool hasPeer = typeof(T) == typeof(float);
        output.WriteLine($"{precision.Name}: {results.Count} cases{(isFull ? "" : " (--full for all)")}; errors in units of {precision.Unit}, gradients relative; worst first");
        output.WriteLine($"{"distribution",-26}{"output",10}{(hasPeer ? "PyTorch's" : ""),12}{"statistics",12}{"running",10}{"dx",10}{"dγ, dβ",10}  worst output in");
        foreach (var rows in results.GroupBy(result => result.Case.Distribution.Name).OrderByDescending(rows => rows.Max(row => row.Output)))
        {
            Measurement worst = rows.MaxBy(row => row.Output)!;
            string peer = hasPeer ? $"{rows.Max(row => row.Peer),12:g3}" : $"{"",12}";
            output.WriteLine(
                $"{rows.Key,-26}{worst.Output,10:g3}{peer}{rows.Max(row => row.Statistics),12:g3}{rows.Max(row => row.Running),10:g3}{rows.Max(row => row.InputGradient),10:g2}{rows.Max(row => row.ParameterGradient),10:g2}  {worst.Case.Geometry}{(worst.Case.Fixed ? " eval" : "")}, epsilon {worst.Case.Epsilon:g}");
        }
        output.WriteLine(
            $"{"limit",-26}{precision.OutputLimit,10:g3}{"",12}{precision.StatisticsLimit,12:g3}{precision.RunningLimit,10:g3}{precision.GradientLimit,10:g2}{precision.GradientLimit,10:g2}");
        output.WriteLine($"{"layer",-26}{"output",10}{(hasPeer ? "PyTorch's" : ""),12}{"statistics",12}{"running",10}{"dx",10}{"dγ, dβ",10}");
        foreach (var rows in results.Where(result => !result.Case.Distribution.IsBeyond).GroupBy(result => result.Case.Layer).OrderByDescending(rows => rows.Max(row => row.Output)))
        {
            string peer = hasPeer ? $"{rows.Max(row => row.Peer),12:g3}" : $"{"",12}";
            output.WriteLine(
                $"{rows.Key,-26}{rows.Max(row => row.Output),10:g3}{peer}{rows.Max(row => row.Statistics),12:g3}{rows.Max(row => row.Running),10:g3}{rows.Max(row => row.InputGradient),10:g2}{rows.Max(row => row.ParameterGradient),10:g2}");
        }
        output.WriteLine("* shown, not judged: elements 1e-9 deviations from the mean need sums of more than 53 bits");
        List<Measurement> broken = [.. results.Where(result => result.Broken.Count > 0)];
        foreach (Measurement result in broken.Take(30))
            output.WriteLine($"BROKEN {precision.Name} {result.Case}: {string.Join("; ", result.Broken)}");
        output.WriteLine($"{precision.Name}: {(broken.Count == 0 ? "all promises kept" : $"{broken.Count} cases break a promise")}");
        output.WriteLine();
        return broken.Count == 0;
    }
}
