using System.Globalization;
using System.Text.RegularExpressions;

namespace Normalization;

/// <summary>
/// The values of a layer as Keras 3 saves them: without names, as layers/CLASS_2/vars/0, 1 and so on, in the order gamma, beta,
/// moving_mean, moving_variance, of which those are left out that the layer does not have.
/// </summary>
internal static partial class NumberedValues
{
    private static readonly string[] s_batch = ["weight", "bias", "running_mean", "running_var"];

    /// <summary>From the keys of numbered values to our own; says of which normalization layers they stay unknown.</summary>
    public static Dictionary<string, string> Translate(StateDictionary state, Action<string> note)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        var layers = from pair in state
                     let match = Numbered().Match(pair.Key)
                     where match.Success
                     let number = int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture)
                     group (pair.Key, pair.Value, Number: number) by match.Groups["layer"].Value;
        foreach (var layer in layers)
        {
            (string Key, StateValue Value, int Number)[] values = [.. layer.OrderBy(static value => value.Number)];
            string type = ClassOf(layer.Key);
            bool isWhole = values.Select(static value => value.Number).SequenceEqual(Enumerable.Range(0, values.Length));
            if (!isWhole || Names(type, [.. values.Select(static value => value.Value)]) is not string[] names)
            {
                if (type.EndsWith("_normalization", StringComparison.Ordinal))
                {
                    note(
                        $"{KeyText.Shown(layer.Key)}: the file does not say which of gamma, beta, moving_mean and moving_variance "
                        + $"its values are ({values.Length}); name them yourself.");
                }
                continue;
            }
            string prefix = layer.Key.Length == 0 ? "" : layer.Key.Replace('/', '.') + ".";
            for (int i = 0; i < values.Length; i++)
                result.Add(values[i].Key, prefix + names[i]);
        }
        return result;
    }

    /// <summary>The last part of a path without the number by which Keras tells layers of one class apart.</summary>
    private static string ClassOf(string path)
    {
        string name = path[(path.LastIndexOfAny(['/', '.']) + 1)..], bare = name.TrimEnd("0123456789".ToCharArray());
        return bare.Length < name.Length && bare.EndsWith('_') ? bare[..^1] : name;
    }

    private static string[]? Names(string type, StateValue[] values)
    {
        bool areAlike = values.All(value => value.Shape.SequenceEqual(values[0].Shape));
        bool areVectors = areAlike && values[0].Shape.Length == 1;
        return (type, values.Length) switch
        {
            ("batch_normalization", 4) when areVectors => s_batch,
            ("batch_normalization", 2) when areVectors => s_batch[2..],
            ("layer_normalization" or "group_normalization", 2) when areAlike => s_batch[..2],
            ("rms_normalization", 1) => s_batch[..1],
            ("batch_normalization" or "layer_normalization" or "group_normalization" or "rms_normalization", _) => null,
            (_, 4) when areVectors => s_batch,
            (_, 2) when areVectors => s_batch[..2],
            _ => null,
        };
    }

    [GeneratedRegex(@"^(?:(?<layer>.+)[/.])?vars[/.](?<number>\d{1,4})\z", RegexOptions.CultureInvariant)]
    private static partial Regex Numbered();
}
