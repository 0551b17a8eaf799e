using Normalization.Programs;

namespace Normalization.Benchmarks.Pictures;

/// <summary>The <c>pictures</c> command: what README.md and the packages show.</summary>
internal static class PicturesCommand
{
    public const string StatisticsName = "shared-statistics.svg", IconName = "icon.png";
    private const string Usual = ".github/pictures";

    public static string Description =>
        $"draws which elements share statistics ({StatisticsName}) and the icon of the packages ({IconName})\n--output: the folder, {Usual} unless it is named";

    public static int Run(Options options)
    {
        string folder = options.Text("--output") ?? Usual;
        options.RejectUnknown();
        OutputFolder.Require(folder);
        string picture = Path.Combine(folder, StatisticsName), icon = Path.Combine(folder, IconName);
        File.WriteAllText(picture, StatisticsPicture.Draw());
        File.WriteAllBytes(icon, Png.Encode(Icon.Draw(), Icon.Size));
        Console.WriteLine($"wrote {picture} and {icon}");
        return 0;
    }
}
