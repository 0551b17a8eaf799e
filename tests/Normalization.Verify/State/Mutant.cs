using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Normalization.Verify.Fuzz;

namespace Normalization.Verify.State;

/// <summary>A golden file with something wrong, or a little different.</summary>
internal static partial class Mutant
{
    private static readonly string[] s_numbers =
        ["0", "1", "2", "3", "7", "8", "12", "-1", "-0", "1.0", "1e1", "2147483647", "2147483648", "4294967296", "4611686018427387904",
         "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999999", "null", "\"1\"", "[]", "01"];

    private static readonly string[] s_types = ["F32", "F64", "F16", "BF16", "I64", "I32", "BOOL", "U8", "F4", "F6_E2M3", "C64", "F33", "", "f32"];

    private static readonly string[] s_snippets =
    [
        "\"x\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},", "\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},",
        "\"norm.bias\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]},", "\"__metadata__\":{\"a\":\"b\"},", "\"__metadata__\":{\"a\":1},",
        "\"__metadata__\":{\"a\":\"b\",\"\\u0061\":\"c\"},", "\"x\":[[[[[[]]]]]],", "\"x\":{\"shape\":[[[1]]]},", "\"\\ud800\":{},", "/**/", ",", "{", "}", "[", "\"",
        "\\u0000", "\u00e9", "\t", "\"extra\":0,", "\"dtype\":\"F32\",", "\"shape\":[3],",
    ];

    private static readonly ulong[] s_lengths = [0, 1, 2, 8, 1 << 20, (1 << 20) + 1, 100_000_000, 1UL << 31, 1UL << 32, 1UL << 63, ulong.MaxValue, ulong.MaxValue - 7];

    public static byte[] Of(FuzzRandom random)
    {
        StoredFile file = random.Of<StoredFile>(GoldenFiles.All);
        byte[] header = file.Header, data = file.Data;
        for (int i = 1 + random.Below(3); i > 0; i--)
        {
            switch (random.Below(10))
            {
                case < 4:
                    header = Text(random, header);
                    break;
                case < 7:
                    header = Bytes(random, header);
                    break;
                case 7:
                    data = Bytes(random, data);
                    break;
                case 8:
                    header = [.. header[..random.Below(header.Length + 1)], .. random.Of<StoredFile>(GoldenFiles.All).Header[random.Below(2)..]];
                    break;
                default:
                    header = random.Of<StoredFile>(GoldenFiles.All).Header;
                    break;
            }
        }
        var mutant = new StoredFile(header, data);
        byte[] bytes = mutant.ToBytes(
            random.Chance(0.8) ? (ulong)header.Length
            : random.Chance(0.5) ? (ulong)file.Header.Length
            : random.Of<ulong>(s_lengths));
        return random.Chance(0.05) ? bytes[..random.Below(bytes.Length + 1)] : bytes;
    }

    /// <summary>A change that keeps most of the header readable, so that what reads it gets further.</summary>
    private static byte[] Text(FuzzRandom random, byte[] header)
    {
        string text = Encoding.Latin1.GetString(header);
        string changed = random.Below(4) switch
        {
            0 => Replaced(random, text, Number(), s_numbers),
            1 => Replaced(random, text, Type(), s_types),
            2 => text.Insert(random.Chance(0.7) ? text.IndexOf('{') + 1 : random.Below(text.Length + 1), Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(random.Of<string>(s_snippets)))),
            _ => Nudged(random, text),
        };
        return Encoding.Latin1.GetBytes(changed);
    }

    private static string Replaced(FuzzRandom random, string text, Regex what, string[] choices)
    {
        MatchCollection matches = what.Matches(text);
        if (matches.Count == 0)
            return text;
        Match match = matches[random.Below(matches.Count)];
        return string.Concat(text.AsSpan(0, match.Index), random.Of<string>(choices), text.AsSpan(match.Index + match.Length));
    }

    /// <summary>One number a little larger or smaller.</summary>
    private static string Nudged(FuzzRandom random, string text)
    {
        MatchCollection matches = Number().Matches(text);
        if (matches.Count == 0 || !long.TryParse(matches[random.Below(matches.Count)].Value, CultureInfo.InvariantCulture, out long number))
            return text;
        long other = unchecked(number + random.Of(-8, -4, -1, 1, 4, 8));
        return text.Replace(number.ToString(CultureInfo.InvariantCulture), other.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
    }

    private static byte[] Bytes(FuzzRandom random, byte[] bytes)
    {
        int at = random.Below(bytes.Length + 1), count = Math.Min(1 + random.Below(12), bytes.Length - at);
        byte[] result = [.. bytes];
        switch (random.Below(5))
        {
            case 0 when count > 0:
                result[at] ^= (byte)(1 << random.Below(8));
                return result;
            case 1 when count > 0:
                result[at] = (byte)random.Below(256);
                return result;
            case 2:
                return [.. bytes[..at], .. bytes[(at + count)..]];
            case 3:
                return [.. bytes[..at], .. bytes.AsSpan(at, count), .. bytes[at..]];
            default:
                return [.. bytes[..at], (byte)random.Below(256), .. bytes[at..]];
        }
    }

    [GeneratedRegex(@"(?<=[\[,])\d+(?=[\],])")]
    private static partial Regex Number();

    [GeneratedRegex(@"(?<=""dtype""\s*:\s*"")\w+")]
    private static partial Regex Type();
}
