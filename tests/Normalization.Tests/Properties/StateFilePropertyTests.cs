using FsCheck;
using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>States and headers that nobody thought of: random ones, the same in every run.</summary>
public sealed class StateFilePropertyTests
{
    private static readonly Gen<string> _texts =
        from letters in Gen.ArrayOf(Gen.OneOf(
            Gen.Elements("a", "weight", ".", "\"", "\\", "/", "{", "}", "\0", "\n", "\u001f", "\u007f", "\u0085", "é", "ß", "γ", "\u2028", "\ufeff", "\uffff", "😀", " ", "<", "&", "'", "__metadata__"),
            Gen.Choose(0, 0xD7FF).Select(static code => ((char)code).ToString())))
        select string.Concat(letters);

    private static readonly Gen<int[]> _shapes =
        from rank in Gen.Choose(0, 4)
        from sizes in Gen.ArrayOf(Gen.Choose(0, 5), rank)
        select sizes;

    private static readonly Gen<long> _bits =
        from high in Gen.Choose(int.MinValue, int.MaxValue)
        from low in Gen.Choose(int.MinValue, int.MaxValue)
        from kind in Gen.Choose(0, 3)
        select kind == 0 ? 0x7FF0_0000_7F80_0000 | (uint)low & 0x007F_FFFF : ((long)high << 32) | (uint)low;

    private static readonly Gen<StateValue> _values =
        from shape in _shapes
        let length = shape.Aggregate(1, static (product, size) => product * size)
        from bits in Gen.ArrayOf(_bits, length)
        from kind in Gen.Choose(0, 2)
        select kind switch
        {
            0 => new Tensor<float>(Array.ConvertAll(bits, static value => BitConverter.Int32BitsToSingle((int)value)), shape),
            1 => new Tensor<double>(Array.ConvertAll(bits, BitConverter.Int64BitsToDouble), shape),
            _ => StateValue.FromInt64(bits, shape),
        };

    private static readonly Gen<StateDictionary> _states =
        from names in Gen.ArrayOf(_texts)
        let distinct = names.Distinct().Where(static name => name != "__metadata__").ToArray()
        from values in Gen.ArrayOf(_values, distinct.Length)
        select Dictionary(distinct, values);

    private static readonly Gen<Dictionary<string, string>> _metadata =
        from keys in Gen.ArrayOf(_texts)
        let distinct = keys.Distinct().ToArray()
        from values in Gen.ArrayOf(_texts, distinct.Length)
        select distinct.Zip(values).ToDictionary();

    [Fact]
    public void Any_state_and_any_texts_survive_the_way_through_a_file() => Check(
        from state in _states
        from metadata in _metadata
        select (state, metadata),
        static pair =>
        {
            byte[] bytes = StateBytes.Of(pair.state, pair.metadata);
            using SafeTensorsFile file = SafeTensorsFile.Parse(bytes, SafeTensorsFile.MaxHeaderLimit);
            return file.State.Count == pair.state.Count
                && pair.state.All(item => Same(item.Value, file.State[item.Key]))
                && file.Metadata.OrderBy(static item => item.Key, StringComparer.Ordinal).SequenceEqual(pair.metadata.OrderBy(static item => item.Key, StringComparer.Ordinal))
                && StateBytes.Of(file.State, file.Metadata).AsSpan().SequenceEqual(bytes);
        });

    [Fact]
    public void Any_part_of_a_file_is_refused() => Check(
        from state in _states
        from share in Gen.Choose(0, 999)
        select (state, share),
        static pair =>
        {
            byte[] bytes = StateBytes.Of(pair.state);
            try
            {
                SafeTensorsFile.Parse(bytes.AsMemory(0, (int)((long)bytes.Length * pair.share / 1000)));
                return false;
            }
            catch (InvalidDataException)
            {
                return true;
            }
        });

    [Fact]
    public void Any_layer_loads_what_any_layer_of_its_kind_has_saved() => Check(
        from kind in Gen.Elements(Enum.GetValues<Kind>())
        from groups in Gen.Choose(1, 4)
        from perGroup in Gen.Choose(1, 9)
        from affine in Gen.Elements(true, false)
        from track in Gen.Elements(true, false)
        from seed in Gen.Choose(1, 1000)
        let channels = groups * perGroup
        select (new Case(kind, kind is Kind.Layer or Kind.Rms ? [2, channels] : [2, channels, 3]) { Groups = groups, Affine = affine, Track = track }, seed),
        static pair =>
        {
            var saved = new Sample<double>(pair.Item1, seed: pair.seed);
            byte[] bytes = StateBytes.Of(saved.Layer.GetState());
            var loaded = new Sample<double>(pair.Item1, seed: pair.seed + 1);
            using SafeTensorsFile file = SafeTensorsFile.Parse(bytes);
            return loaded.Layer.LoadState(file.State).IsLoaded && StateBytes.Of(loaded.Layer.GetState()).AsSpan().SequenceEqual(bytes);
        });

    private static StateDictionary Dictionary(string[] names, StateValue[] values)
    {
        var state = new StateDictionary();
        foreach ((string name, StateValue value) in names.Zip(values))
            state.Add(name, value);
        return state;
    }

    private static bool Same(StateValue left, StateValue right) =>
        left.ElementType == right.ElementType && left.Shape.SequenceEqual(right.Shape) && Bits(left).AsSpan().SequenceEqual(Bits(right));

    private static long[] Bits(StateValue value) => value.ElementType switch
    {
        "F32" => Array.ConvertAll(value.ToTensor<float>().Span.ToArray(), static element => (long)BitConverter.SingleToInt32Bits(element)),
        "F64" => Array.ConvertAll(value.ToTensor<double>().Span.ToArray(), BitConverter.DoubleToInt64Bits),
        _ => value.ToInt64Array(),
    };

    private static void Check<TCase>(Gen<TCase> cases, Func<TCase, bool> property) =>
        Prop.ForAll(cases.ToArbitrary(), property).Check(Config.QuickThrowOnFailure.WithMaxTest(300).WithReplay(2024, 7));
}
