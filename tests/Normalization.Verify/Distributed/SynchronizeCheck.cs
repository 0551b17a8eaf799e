using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Distributed;

/// <summary>
/// Ranks with a part of a batch each against one process with the whole batch: outputs, input gradients, parameter gradients after
/// their sum over the ranks, and running statistics, over two steps. What ranks share must have the same bits on all of them.
/// </summary>
internal sealed class SynchronizeCheck(ICollective ranks)
{
    private const int Steps = 2;

    // In units of 2⁻²³ of the scale of a float, and relative to the largest number in double. One process takes the statistics in float and
    // ranks take them in double: an output differs by what one process promises at most.
    private const double FloatLimit = 3, DoubleLimit = 1e-13;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly List<string> _broken = [];
    private double _worstFloat, _worstDouble;
    private long _compared, _different;
    private int _refused;

    /// <summary>Runs on one rank; rank 0 prints what all found, the others what they found broken themselves.</summary>
    public static bool Report(TextWriter output, ICollective ranks, string what, int cases, int seed)
    {
        SynchronizeReport report = new SynchronizeCheck(ranks).Run(cases, seed);
        foreach (string broken in report.Broken.Take(10))
            output.WriteLine($"rank {ranks.Rank}: {broken}");
        if (ranks.Rank == 0)
            output.WriteLine($"{ranks.Size} {what}, {cases} batches: {report}");
        return report.BrokenOnAllRanks == 0;
    }

    /// <summary>Runs on one rank; every rank learns what any of them found.</summary>
    public SynchronizeReport Run(int cases, int seed)
    {
        for (int index = 0; index < cases; index++)
        {
            SplitCase @case = SplitCase.Create(seed, index, ranks.Size);
            if (index % 4 == 3)
                Compare<double>(@case);
            else
                Compare<float>(@case);
        }
        double[] own = [_broken.Count, _worstFloat, _worstDouble, _compared, _different, _refused, .. _hash.GetHashAndReset().Take(4)];
        double[] all = new double[own.Length * ranks.Size];
        ranks.AllGather(own, all);
        double[][] rows = [.. all.Chunk(own.Length)];
        return new(
            _broken,
            (int)rows.Sum(static row => row[0]),
            rows.Max(static row => row[1]),
            rows.Max(static row => row[2]),
            (long)rows.Sum(static row => row[3]),
            (long)rows.Sum(static row => row[4]),
            (int)rows[0][5],
            string.Concat(rows.SelectMany(static row => row[6..]).Select(static part => ((int)part).ToString("x2", CultureInfo.InvariantCulture))));
    }

    private void Compare<T>(SplitCase @case) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        BatchNorm<T> one = @case.Layer<T>(), part = @case.Layer<T>();
        double[] inputs = new double[@case.Channels];
        part.Synchronize(ranks);
        for (int step = 0; step < Steps; step++)
        {
            Tensor<T> wholeInput = @case.Input<T>(step), wholeGradient = @case.OutputGradient<T>(step);
            Tensor<T> input = @case.PartOf(wholeInput, ranks.Rank), gradient = @case.PartOf(wholeGradient, ranks.Rank);
            if (@case.ValuesPerChannel == 1)
            {
                RequireRefusal(@case, () => part.Forward(input));
                return;
            }
            double[] ofStep = MeanMagnitudes(@case, wholeInput);
            inputs = [.. inputs.Select((magnitude, channel) => Math.Max(magnitude, ofStep[channel]))];
            var context = new ForwardContext<T>();
            Tensor<T> wholeOutput = new(@case.Shape), wholeInputGradient = new(@case.Shape);
            one.ZeroGradients();
            part.ZeroGradients();
            one.Forward(wholeInput, wholeOutput, context);
            one.Backward(wholeGradient, wholeInputGradient, context);
            Tensor<T> output = part.Forward(input), inputGradient = part.Backward(gradient);
            CompareElements(@case, "output", output.Span, @case.Slice(wholeOutput, ranks.Rank), (i, y) =>
            {
                double bias = Coefficient(one.Bias, Channel(@case, i), 0), weight = Coefficient(one.Weight, Channel(@case, i), 1);
                return Math.Max(Math.Max(Math.Abs(bias), Math.Abs(y - bias)), Math.Abs(weight));
            });
            double[] magnitudes = MeanMagnitudes(@case, wholeGradient);
            CompareElements(@case, "input gradient", inputGradient.Span, @case.Slice(wholeInputGradient, ranks.Rank), (i, _) =>
            {
                int channel = Channel(@case, i);
                double magnitude = Math.Max(Math.Abs(double.CreateChecked(gradient.Span[i])), magnitudes[channel]);
                return Math.Abs(magnitude * context.GetInverseStandardDeviation(channel) * Coefficient(one.Weight, channel, 1));
            });
            for (int i = 0; i < part.Parameters.Count; i++)
                CompareGradient(@case, part.Parameters[i], one.Parameters[i].Gradient, wholeGradient);
        }
        CompareShared(@case, "running mean", part.RunningMean!, one.RunningMean!, i => inputs[i]);
        CompareShared(@case, "running variance", part.RunningVariance!, one.RunningVariance!, static _ => 0);
        if (part.BatchesTracked != one.BatchesTracked)
            _broken.Add($"{@case}: {part.BatchesTracked} batches tracked");
        CompareEvaluation(@case, part);
    }

    /// <summary>Evaluation must not wait for the others: only one rank does it.</summary>
    private void CompareEvaluation<T>(SplitCase @case, BatchNorm<T> part) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (ranks.Rank != @case.Channels % ranks.Size)
            return;
        part.Eval();
        Tensor<T> input = @case.Input<T>(0);
        BatchNorm<T> alone = @case.Layer<T>();
        part.RunningMean!.CopyTo(alone.RunningMean!);
        part.RunningVariance!.CopyTo(alone.RunningVariance!);
        alone.Eval();
        if (!part.Forward(input).Span.SequenceEqual(alone.Forward(input).Span))
            _broken.Add($"{@case}: evaluation differs");
    }

    private void RequireRefusal(SplitCase @case, Action call)
    {
        try
        {
            call();
            _broken.Add($"{@case}: one value per channel was accepted");
        }
        catch (ArgumentException)
        {
            _refused++;
        }
    }

    /// <summary>
    /// The gradients of all ranks together. Their scale is the sum of the magnitudes of the parts, which are rounded one by one, and of
    /// all dy.
    /// </summary>
    private void CompareGradient<T>(SplitCase @case, Parameter<T> part, Tensor<T> whole, Tensor<T> outputGradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double[] sums = Values.ToDoubles<T>(part.Gradient.Span), magnitudes = Array.ConvertAll(sums, Math.Abs);
        ranks.AllReduce(sums);
        ranks.AllReduce(magnitudes);
        RequireSameBits(@case, $"gradient of {part.Name}", sums);
        double[] means = MeanMagnitudes(@case, outputGradient);
        for (int i = 0; i < magnitudes.Length; i++)
            magnitudes[i] += means[i] * @case.ValuesPerChannel;
        CompareElements<T>(@case, $"gradient of {part.Name}", Array.ConvertAll(sums, T.CreateChecked), whole.Span, (i, _) => magnitudes[i]);
    }

    /// <summary>The mean magnitude of each channel.</summary>
    private static double[] MeanMagnitudes<T>(SplitCase @case, Tensor<T> elements) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double[] means = new double[@case.Channels], terms = Values.ToDoubles<T>(elements.Span);
        for (int i = 0; i < terms.Length; i++)
            means[Channel(@case, i)] += Math.Abs(terms[i]) / @case.ValuesPerChannel;
        return means;
    }

    private void CompareShared<T>(SplitCase @case, string what, Tensor<T> part, Tensor<T> whole, Func<int, double> scale)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        RequireSameBits(@case, what, Values.ToDoubles<T>(part.Span));
        CompareElements(@case, what, part.Span, whole.Span, (i, _) => scale(i));
    }

    private void CompareElements<T>(SplitCase @case, string what, ReadOnlySpan<T> actual, ReadOnlySpan<T> expected, Func<int, double, double> scaleOf)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        bool isFloat = typeof(T) == typeof(float);
        double worst = 0, largest = 0;
        for (int i = 0; i < expected.Length && !isFloat; i++)
        {
            double e = double.CreateChecked(expected[i]);
            largest = Math.Max(largest, Math.Max(Math.Abs(e), scaleOf(i, e)));
        }
        for (int i = 0; i < expected.Length; i++)
        {
            double a = double.CreateChecked(actual[i]), e = double.CreateChecked(expected[i]);
            _hash.AppendData(BitConverter.GetBytes(a));
            if (isFloat)
                _compared++;
            if (a.Equals(e))
                continue;
            if (isFloat)
                _different++;
            double scale = Math.Max(Math.Abs(e), scaleOf(i, e));
            double distance = Math.Abs(a - e) / (isFloat ? Math.Max(scale / (1 << 23), float.Epsilon) : largest);
            worst = Math.Max(worst, double.IsNaN(distance) ? double.PositiveInfinity : distance);
        }
        ref double record = ref isFloat ? ref _worstFloat : ref _worstDouble;
        record = Math.Max(record, worst);
        if (worst > (isFloat ? FloatLimit : DoubleLimit))
            _broken.Add(string.Create(CultureInfo.InvariantCulture, $"{@case}: {what} is off by {worst:G3} {(isFloat ? "units of 2⁻²³" : "relative")}"));
    }

    private void RequireSameBits(SplitCase @case, string what, double[] values)
    {
        double[] all = new double[values.Length * ranks.Size];
        ranks.AllGather(values, all);
        for (int rank = 0; rank < ranks.Size; rank++)
        {
            if (!MemoryMarshal.AsBytes(all.AsSpan(rank * values.Length, values.Length)).SequenceEqual(MemoryMarshal.AsBytes(values.AsSpan())))
                _broken.Add($"{@case}: {what} differs between the ranks {ranks.Rank} and {rank}");
        }
    }

    private static int Channel(SplitCase @case, int element) => element / @case.Positions % @case.Channels;

    private static double Coefficient<T>(Parameter<T>? parameter, int channel, double missing) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        parameter is null ? missing : double.CreateChecked(parameter.Value.Span[channel]);
}

/// <summary>What the ranks found together; the texts are those of one rank.</summary>
internal sealed record SynchronizeReport(
    IReadOnlyList<string> Broken, int BrokenOnAllRanks, double WorstFloat, double WorstDouble, long Compared, long Different, int Refused, string Hash)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"hash {Hash}; {Compared} floats, {Different} with other bits than in one process; worst {WorstFloat:G3} units of 2⁻²³ in float, {WorstDouble:G3} in double; {Refused} batches of one value refused");
}
