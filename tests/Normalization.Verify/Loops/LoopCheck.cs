using Normalization.Verify.Numerics;

namespace Normalization.Verify.Loops;

/// <summary>The <c>loops</c> command: the errors of loops that people write, beside those of the calls that replace them.</summary>
internal static class LoopCheck
{
    private const int Width = 65_536;
    private const float Epsilon = 1e-5f;

    private static readonly (string Name, Func<int, double> Value)[] s_data =
    [
        ("mean 0, deviation 1", static i => Uniform(i)),
        ("mean 0, deviation 10⁻³", static i => 1e-3 * Uniform(i)),
        ("mean 10³, deviation 1", static i => 1e3 + Uniform(i)),
        ("mean 10⁴, deviation 10⁻²", static i => 1e4 + (1e-2 * Uniform(i))),
        ("sorted", static i => 0.37 * i),
        ("constant 1234.5", static _ => 1234.5),
        ("mean 0, deviation 10³⁰", static i => 1e30 * Uniform(i)),
    ];

    private static readonly (string Name, double Weight, double Bias)[] s_weights =
        [("γ = 1, β = 0", 1, 0), ("γ = 10⁻³, β = 1", 1e-3, 1), ("γ = 10⁻⁶, β = 1", 1e-6, 1), ("γ = 0, β = 1", 0, 1)];

    /// <summary>Prints two tables, and says whether the calls keep what they promise.</summary>
    public static bool Run(TextWriter output)
    {
        bool isKept = true;
        output.WriteLine("| data | sums in float | E[x²] − μ² | Welford in float | ε outside the root | the calls |");
        output.WriteLine("|---|---:|---:|---:|---:|---:|");
        foreach ((string name, Func<int, double> value) in s_data)
        {
            double[] errors = ForwardErrors([.. Enumerable.Range(0, Width).Select(i => (float)value(i))]);
            isKept &= errors[^1] <= Precision.Single.OutputLimit;
            output.WriteLine($"| {name} | {string.Join(" | ", errors.Select(Text))} |");
        }
        output.WriteLine();
        output.WriteLine("| parameters | dx of the loop | dγ of the loop | dx of the call | dγ of the call |");
        output.WriteLine("|---|---:|---:|---:|---:|");
        foreach ((string name, double weight, double bias) in s_weights)
        {
            double[] errors = BackwardErrors((float)weight, (float)bias);
            isKept &= errors[2] <= Precision.Single.GradientLimit && errors[3] <= Precision.Single.GradientLimit;
            output.WriteLine($"| {name} | {string.Join(" | ", errors.Select(Text))} |");
        }
        return isKept;
    }

    /// <summary>The largest error of each loop, and of all calls, in units of 2⁻²³ · max(1, |x̂|).</summary>
    public static double[] ForwardErrors(float[] x)
    {
        var exact = Reference.OfInput(Geometry.Layer(1, x.Length), Values.ToDoubles<float>(x), Epsilon);
        (float floatMean, float floatVariance) = CommonLoops.Moments(x);
        double mean = 0, variance = 0;
        Replacements.Moments(x, new(ref mean), new(ref variance));
        double[] calls =
        [
            Error(y => Replacements.NormalizeRow(x, Epsilon, y, [], [])),
            Error(y => Replacements.NormalizeChannels(x, 1, Epsilon, y, [], [])),
            Error(y => Apply(mean, variance, y)),
            Error(y => Replacements.NormalizeImage(x, Epsilon, y, [], [])),
        ];
        return
        [
            Error(y => CommonLoops.NormalizeRow(x, Epsilon, y)),
            Error(y => CommonLoops.NormalizeChannel(x, 1, 0, Epsilon, y)),
            Error(y => Apply(floatMean, floatVariance, y)),
            Error(y => CommonLoops.NormalizeImage(x, Epsilon, y)),
            calls.Max(),
        ];

        double Error(Action<float[]> normalize)
        {
            float[] y = new float[x.Length];
            normalize(y);
            double worst = 0;
            for (int i = 0; i < y.Length; i++)
            {
                DoubleDouble wanted = exact.Normalized(i);
                double error = Math.Abs((double)(wanted - y[i])) / (Math.ScaleB(1, -23) * Math.Max(1, Math.Abs((double)wanted)));
                worst = double.IsNaN(error) ? double.NaN : Math.Max(worst, error);
            }
            return worst;
        }

        void Apply(double center, double square, float[] y)
        {
            for (int i = 0; i < y.Length; i++)
                y[i] = (float)((x[i] - center) / Math.Sqrt(square + Epsilon));
        }
    }

    /// <summary>Errors of dx and dγ, of the loop and of the call, each against the norm of the exact gradient.</summary>
    private static double[] BackwardErrors(float weightValue, float biasValue)
    {
        const int width = 4096;
        float[] x = [.. Enumerable.Range(0, width).Select(static i => (float)Uniform(i))];
        float[] dy = [.. Enumerable.Range(width, width).Select(static i => (float)Uniform(i))];
        float[] weight = new float[width], bias = new float[width], y = new float[width];
        Array.Fill(weight, weightValue);
        Array.Fill(bias, biasValue);
        double[] mean = new double[1], scale = new double[1];
        NormalizationPrimitives.LayerNormForward(
            x, rows: 1, width: width, weight: weight, bias: bias, epsilon: Epsilon, y: y, mean: mean, inverseStandardDeviation: scale);
        Gradients exact = Reference.OfInput(Geometry.Layer(1, width), Values.ToDoubles<float>(x), Epsilon)
            .Backward(Values.ToDoubles<float>(dy), Values.ToDoubles<float>(weight));
        float[] loopInput = new float[width], loopWeight = new float[width], callInput = new float[width], callWeight = new float[width];
        CommonLoops.Backward(y, dy, weight, bias, (float)scale[0], loopInput, loopWeight);
        Replacements.Backward(x, dy, weight, mean, scale, callInput, callWeight);
        return
        [
            Distance(exact.Input, loopInput), Distance(exact.Weight, loopWeight),
            Distance(exact.Input, callInput), Distance(exact.Weight, callWeight),
        ];
    }

    private static double Distance(DoubleDouble[] exact, float[] computed)
    {
        double squares = 0, norm = 0;
        for (int i = 0; i < exact.Length; i++)
        {
            double error = (double)(exact[i] - computed[i]), wanted = (double)exact[i];
            squares += error * error;
            norm += wanted * wanted;
        }
        return squares == 0 ? 0 : Math.Sqrt(squares / norm);
    }

    /// <summary>A number between ±√3, so that the deviation is 1.</summary>
    private static double Uniform(int index) => Math.Sqrt(3) * Values.Uniform(1, (ulong)index);

    /// <summary>Two digits, and a power of ten where the number is large or small.</summary>
    private static string Text(double value)
    {
        if (value == 0)
            return "0";
        if (!double.IsFinite(value))
            return "not a number";
        if (value is >= 0.1 and < 1000)
            return value < 10 ? $"{value:F1}" : $"{value:F0}";
        string[] parts = $"{value:E1}".Split('E');
        return $"{parts[0]}·10{Superscript(int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture))}";
    }

    private static string Superscript(int number) =>
        string.Concat($"{number}".Select(static digit => digit == '-' ? '⁻' : "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit - '0']));
}
