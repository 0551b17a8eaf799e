using System.Buffers.Binary;
using Normalization.Verify.Fuzz;

namespace Normalization.Verify.State;

/// <summary>
/// One file, right or wrong: it is accepted exactly if an independent judge accepts it, gives the values that stand in it, takes no
/// more memory than its size allows, and a model is loaded from it whole or not at all.
/// </summary>
internal static class SafeTensorsCase
{
    // Reading the header takes some dozens of bytes for each of its own; an exception takes some thousands.
    private const long BytesPerByte = 100;
    private const long BytesPerCase = 100_000;

    private static readonly (int Golden, int Truncated, int Flipped)[] s_systematic = [.. Systematic()];

    [ThreadStatic]
    private static LayerDictionary<float>? t_model;

    public static int SystematicCount => s_systematic.Length;

    public static FuzzCheck Fuzz { get; } =
        new("safetensors", "only valid files accepted, only documented exceptions, no half-loaded model", RunNumbered);

    public static void Run(byte[] bytes, bool mustFail = false)
    {
        List<StoredTensor>? expected = Judgment.Of(bytes, SafeTensorsFile.DefaultHeaderLimit);
        SafeTensorsFile? file = null;
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            file = SafeTensorsFile.Parse(bytes);
        }
        catch (InvalidDataException)
        {
        }
        catch (Exception exception)
        {
            throw new FuzzFailure($"Parse: undocumented {exception.GetType().Name}");
        }
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        FuzzFailure.Require(allocated <= BytesPerCase + (BytesPerByte * bytes.Length), "Parse: allocates more than the size of the file allows");
        FuzzFailure.Require(file is null == expected is null, file is null ? "Parse: refuses a valid file" : "Parse: accepts an invalid file");
        FuzzFailure.Require(file is null || !mustFail, "Parse: accepts a file that was cut off");
        if (file is null || expected is null)
            return;
        using (file)
        {
            RequireSame(file.State, expected);
            LoadModel(file.State, expected);
        }
    }

    /// <summary>First every truncation and every flipped bit of the header of every golden file, then random changes.</summary>
    private static void RunNumbered(int seed, int number)
    {
        if (number >= s_systematic.Length)
        {
            Run(Mutant.Of(new FuzzRandom(seed, number)));
            return;
        }
        (int golden, int truncated, int flipped) = s_systematic[number];
        byte[] bytes = GoldenFiles.All[golden].ToBytes();
        if (truncated >= 0)
        {
            Run(bytes[..truncated], mustFail: true);
            return;
        }
        if (flipped >= 0)
            bytes[flipped / 8] ^= (byte)(1 << (flipped % 8));
        Run(bytes);
    }

    private static IEnumerable<(int Golden, int Truncated, int Flipped)> Systematic()
    {
        for (int golden = 0; golden < GoldenFiles.All.Length; golden++)
        {
            yield return (golden, -1, -1);
            StoredFile file = GoldenFiles.All[golden];
            for (int length = 0; length < 8 + file.Header.Length + file.Data.Length; length++)
                yield return (golden, length, -1);
            for (int bit = 0; bit < 8 * (8 + file.Header.Length); bit++)
                yield return (golden, -1, bit);
        }
    }

    private static void RequireSame(StateDictionary state, List<StoredTensor> expected)
    {
        FuzzFailure.Require(state.Keys.SequenceEqual(expected.Select(static tensor => tensor.Name)), "State: other names than in the file");
        foreach ((StateValue value, StoredTensor tensor) in state.Values.Zip(expected))
        {
            FuzzFailure.Require(value.ElementType == tensor.Type && value.Shape.SequenceEqual(tensor.Shape), "State: another type or shape than in the file");
            switch (tensor.Type)
            {
                case "I64":
                    FuzzFailure.Require(value.ToInt64Array().AsSpan().SequenceEqual(Whole(tensor)), "ToInt64Array: other values than in the file");
                    break;
                case "F64" or "F32" or "F16" or "BF16":
                    RequireReals(value, tensor);
                    break;
                default:
                    RequireNotSupported(() => value.ToTensor<float>());
                    RequireNotSupported(() => value.ToInt64Array());
                    break;
            }
        }
    }

    private static void RequireReals(StateValue value, StoredTensor tensor)
    {
        // A file of a few bytes may describe a tensor that is empty and wide.
        if (tensor.Shape.Any(static size => size > Array.MaxLength))
        {
            RequireNotSupported(() => value.ToTensor<double>());
            return;
        }
        Tensor<double> read = value.ToTensor<double>();
        for (int i = 0; i < read.Length; i++)
            FuzzFailure.Require(read.Span[i].Equals(Real(tensor, i)), "ToTensor: other values than in the file");
        FuzzFailure.Require(read.Shape.Length == tensor.Shape.Length, "ToTensor: another shape than in the file");
    }

    private static void RequireNotSupported(Action read)
    {
        try
        {
            read();
        }
        catch (NotSupportedException)
        {
            return;
        }
        throw new FuzzFailure("A value that cannot be read was read");
    }

    private static long[] Whole(StoredTensor tensor)
    {
        long[] numbers = new long[tensor.Data.Length / 8];
        for (int i = 0; i < numbers.Length; i++)
            numbers[i] = BinaryPrimitives.ReadInt64LittleEndian(tensor.Data.AsSpan(8 * i));
        return numbers;
    }

    private static double Real(StoredTensor tensor, int i) => tensor.Type switch
    {
        "F64" => BitConverter.ToDouble(tensor.Data, 8 * i),
        "F32" => BitConverter.ToSingle(tensor.Data, 4 * i),
        "F16" => (double)BitConverter.ToHalf(tensor.Data, 2 * i),
        _ => BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(tensor.Data, 2 * i) << 16),
    };

    /// <summary>Everything is loaded or nothing is changed, whatever the report says about keys.</summary>
    private static void LoadModel(StateDictionary state, List<StoredTensor> expected)
    {
        LayerDictionary<float> model = t_model ??= GoldenFiles.CreateModel();
        Dictionary<string, double[]> before = Values(model);
        bool isStrictlyLoaded = false;
        try
        {
            isStrictlyLoaded = model.LoadState(state).IsLoaded;
        }
        catch (ArgumentException)
        {
            RequireValues(model, before, "LoadState: a state that was refused has changed the model");
        }
        StateReport report = model.LoadState(state, strict: false);
        FuzzFailure.Require(report.IsLoaded || !isStrictlyLoaded, "LoadState: is stricter without strict");
        if (report.IsLoaded)
        {
            foreach (StoredTensor tensor in expected.Where(tensor => before.ContainsKey(tensor.Name)))
                before[tensor.Name] = tensor.Type == "I64" ? [Whole(tensor)[0]] : [.. Enumerable.Range(0, before[tensor.Name].Length).Select(i => (double)(float)Real(tensor, i))];
        }
        RequireValues(model, before, "LoadState: the model is half loaded");
        FuzzFailure.Require(before.All(static pair => pair.Value.All(double.IsFinite) && (!pair.Key.EndsWith("var", StringComparison.Ordinal) || pair.Value.All(static value => value >= 0))), "LoadState: has loaded what no layer can use");
    }

    private static void RequireValues(LayerDictionary<float> model, Dictionary<string, double[]> expected, string message)
    {
        foreach ((string key, double[] values) in Values(model))
            FuzzFailure.Require(values.AsSpan().SequenceEqual(expected[key]), message);
    }

    private static Dictionary<string, double[]> Values(LayerDictionary<float> model)
    {
        var values = new Dictionary<string, double[]>();
        foreach ((string prefix, NormalizationLayer<float> layer) in model)
        {
            foreach (Parameter<float> parameter in layer.Parameters)
                values[$"{prefix}.{parameter.Name}"] = Doubles(parameter.Value);
            if (layer is not RunningStatisticsLayer<float> { RunningMean: { } mean, RunningVariance: { } variance } counted)
                continue;
            values[$"{prefix}.running_mean"] = Doubles(mean);
            values[$"{prefix}.running_var"] = Doubles(variance);
            values[$"{prefix}.num_batches_tracked"] = [counted.BatchesTracked];
        }
        return values;
    }

    private static double[] Doubles(Tensor<float> tensor) => Array.ConvertAll(tensor.Span.ToArray(), static value => (double)value);
}
