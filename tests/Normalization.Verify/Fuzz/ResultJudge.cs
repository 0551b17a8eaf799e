using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Fuzz;

/// <summary>Whether results are right to a few digits; the last ones are the business of the accuracy command.</summary>
internal static class ResultJudge
{
    private static double Tolerance<T>() => typeof(T) == typeof(float) ? 2e-5 : 1e-9;

    /// <summary>Groups of finite elements have the right outputs, all others have no finite one.</summary>
    public static void RequireOutput<T>(string name, Reference exact, Geometry geometry, double[] x, double[]? weight, double[]? bias, Span<T> y)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        bool[] isFinite = FiniteGroups(geometry, x);
        for (int i = 0; i < x.Length; i++)
        {
            int parameter = geometry.ParameterOf(i);
            double actual = double.CreateTruncating(y[i]);
            if (!isFinite[geometry.GroupOf(i)])
            {
                // A root mean square that is infinite divides what is finite to zero; a mean leaves nothing.
                if (geometry.IsCentered && exact.IsOfInput)
                    FuzzFailure.Require(double.IsNaN(actual), $"{name}: a group with a NaN or an infinity has an output that is not NaN");
                continue;
            }
            if (!double.IsFinite(exact.InverseStandardDeviation[geometry.GroupOf(i)].High))
                continue;
            double gamma = weight?[parameter] ?? 1, scaled = (double)exact.Normalized(i) * gamma, beta = bias?[parameter] ?? 0;
            // Near the mean the error is that of the mean: 3·2⁻²³ deviations are promised.
            double magnitude = Math.Abs(scaled) + (0.018 * Math.Abs(gamma)) + Math.Abs(beta) + 1e-6;
            FuzzFailure.Require(double.IsFinite(actual), $"{name}: a finite group has an output that is not finite");
            FuzzFailure.Require(Math.Abs(actual - (scaled + beta)) <= Tolerance<T>() * magnitude, $"{name}: a wrong output");
        }
    }

    /// <summary>dx as a whole, and the gain of dγ and dβ.</summary>
    public static void RequireGradients<T>(
        string name, Reference exact, Geometry geometry, double[] dy, double[]? weight, Span<T> dx, double[]? weightGain, double[]? biasGain)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (dy.Length == 0)
        {
            bool isZero = (weightGain ?? []).Concat(biasGain ?? []).All(gain => gain == 0);
            FuzzFailure.Require(isZero, $"{name}: nothing gave a gradient");
            return;
        }
        Gradients gradients = exact.Backward(dy, weight);
        double largest = dy.Max(Math.Abs) * (weight?.Max(Math.Abs) ?? 1), most = exact.InverseStandardDeviation.Max(r => r.High);
        // Steeper than this the gradients leave the range of a float; running statistics may be NaN after a NaN in training.
        bool isJudged = largest * most is <= 1e25 and >= 1e-25 && exact.InverseStandardDeviation.All(r => double.IsFinite(r.High));
        if (!isJudged || exact.Mean.Any(mean => !double.IsFinite(mean.High)))
            return;
        Require("input gradient", dx.ToArray().Select(value => double.CreateTruncating(value)), gradients.Input, largest * most);
        double share = largest * Math.Sqrt(dy.Length + 1);
        if (weightGain is not null)
            Require("weight gradient", weightGain, gradients.Weight, share);
        if (biasGain is not null)
            Require("bias gradient", biasGain, gradients.Bias, share);

        void Require(string what, IEnumerable<double> actual, DoubleDouble[] expected, double scale)
        {
            double error = 0, norm = 0;
            foreach ((int i, double value) in actual.Index())
            {
                error += Math.Pow(value - (double)expected[i], 2);
                norm += Math.Pow((double)expected[i], 2);
            }
            double limit = Tolerance<T>() * (Math.Sqrt(norm) + (scale * Math.Sqrt(expected.Length)));
            FuzzFailure.Require(Math.Sqrt(error) <= limit, $"{name}: a wrong {what}");
        }
    }

    /// <summary>Running statistics after one batch; <paramref name="old"/> and the result have one value for each channel.</summary>
    public static void RequireRunning<T>(string name, Geometry geometry, Reference exact, bool isVariance, double momentum, T[] old, Span<T> now)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double correction = isVariance ? (double)geometry.ElementsPerGroup / (geometry.ElementsPerGroup - 1) : 1;
        DoubleDouble[] batch = isVariance ? exact.Variance : exact.Mean;
        int samples = batch.Length / geometry.C;
        for (int channel = 0; channel < geometry.C; channel++)
        {
            double mean = OfSamples(channel, group => (double)batch[group]) * correction;
            double previous = double.CreateTruncating(old[channel]), actual = double.CreateTruncating(now[channel]);
            double expected = momentum == 1 ? mean : ((1 - momentum) * previous) + (momentum * mean);
            if (!double.IsFinite(expected) || Math.Abs(expected) > 1e30 || !double.IsFinite(previous))
                continue;
            double magnitude = Math.Abs(previous) + Math.Abs(momentum * mean) + 1e-20 + (isVariance ? 0 : 1e-3 * Math.Abs(actual));
            // A mean is promised within 2⁻²³ deviations.
            double floor = isVariance ? 0 : 2e-7 * momentum * OfSamples(channel, group => Math.Sqrt((double)exact.Variance[group]));
            FuzzFailure.Require(
                Math.Abs(actual - expected) <= (1e-5 * magnitude) + floor, $"{name}: a wrong running {(isVariance ? "variance" : "mean")}");
        }

        double OfSamples(int channel, Func<int, double> value) =>
            Enumerable.Range(0, samples).Average(sample => value((sample * geometry.C) + channel));
    }

    public static bool[] FiniteGroups(Geometry geometry, double[] x)
    {
        bool[] isFinite = new bool[geometry.GroupCount];
        Array.Fill(isFinite, true);
        for (int i = 0; i < x.Length; i++)
            isFinite[geometry.GroupOf(i)] &= double.IsFinite(x[i]);
        return isFinite;
    }
}
