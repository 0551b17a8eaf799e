using System.Globalization;
using System.Text.RegularExpressions;

namespace Normalization.PublicApi.Tests;

/// <summary>The marked parts of sources that are compiled with the tests, and shown elsewhere.</summary>
internal static partial class SampleCode
{
    /// <summary>The samples of some folders under tests, by their names; parts of one name are one sample.</summary>
    public static Dictionary<string, string> Read(params IEnumerable<string> folders) => folders
        .SelectMany(static folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests", folder), "*.cs"))
        .SelectMany(static path => Marked().Matches(Repository.Read(path)))
        .GroupBy(static match => match.Groups["name"].Value, static match => Unindented(match.Groups["text"].Value))
        .ToDictionary(static sample => sample.Key, static sample => string.Concat(sample).Trim('\n'));

    /// <summary>The name of the class or method that runs a sample.</summary>
    public static string PascalCase(string sample) =>
        string.Concat(sample.Split('-').Select(static word => char.ToUpper(word[0], CultureInfo.InvariantCulture) + word[1..]));

    /// <summary>Lines without the indentation that all of them have.</summary>
    public static string Unindented(string text)
    {
        string[] lines = text.Split('\n');
        int indent = lines.Where(static line => line.Trim().Length > 0).Min(static line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length > indent ? line[indent..] : ""));
    }

    [GeneratedRegex(@"^ *// begin-sample (?<name>[\w-]+)\n(?<text>.*?)^ *// end-sample\n", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Marked();
}
