using System.Globalization;
using System.Net;
using System.Text;
using Normalization.Training.Claims;
using Normalization.Training.Claims.Method;

namespace Normalization.Training.Reports;

/// <summary>The report on the claims: one page that needs nothing else, for any width of screen, light or dark.</summary>
internal static class ClaimReport
{
    private const string Style =
        """
        :root{color-scheme:light dark;--text:#1f2328;--quiet:#5b636c;--ground:#fff;--card:#f6f7f8;--line:#dcdfe3;--yes:#007a54;--partly:#946300;--no:#b3390a;--link:#0b66c3}
        @media (prefers-color-scheme:dark){:root{--text:#e4e6e8;--quiet:#9aa3ad;--ground:#16181b;--card:#1f2226;--line:#363a40;--yes:#2fc08f;--partly:#e0a63a;--no:#f2804e;--link:#6cb2f5}}
        *{box-sizing:border-box}
        body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 4rem;background:var(--ground);color:var(--text);font:16px/1.55 system-ui,sans-serif;overflow-wrap:break-word}
        h1{font-size:1.6rem;line-height:1.25;margin:0 0 .5rem}
        h2{font-size:1.25rem;line-height:1.3;margin:0 0 .4rem}
        h3{font-size:.95rem;margin:1.2rem 0 .3rem}
        p{margin:.4rem 0}
        a{color:var(--link)}
        section{border-top:1px solid var(--line);margin-top:2rem;padding-top:1.6rem}
        .quiet{color:var(--quiet);font-size:.9rem}
        .verdict{font-weight:600;white-space:nowrap}
        .Reproduced,.Met{color:var(--yes)}.Partly,.Undecided{color:var(--partly)}.NotReproduced,.Missed{color:var(--no)}.NotJudged{color:var(--quiet)}
        dl{display:grid;grid-template-columns:7rem 1fr;gap:.35rem .8rem;margin:.8rem 0}
        dt{color:var(--quiet)}dd{margin:0}
        .scroll{overflow-x:auto}
        table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
        th,td{padding:.3rem .9rem .3rem 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
        .numbers th,.numbers td,.rule td:nth-child(2){white-space:nowrap}.numbers th+th,.numbers td+td{text-align:right;padding:.3rem 0 .3rem .9rem}
        .charts{display:flex;flex-wrap:wrap;gap:1rem;margin:1rem 0;align-items:flex-start}
        .charts svg{width:420px;max-width:100%;height:auto;display:block}
        .you{border-left:3px solid var(--link);padding-left:.8rem;margin:.8rem 0}
        @media (max-width:34rem){dl{grid-template-columns:1fr}dt{margin-top:.4rem}dd{margin:0}.summary thead{display:none}.summary tr,.summary td{display:block;border:0;padding:0}.summary tr{border-bottom:1px solid var(--line);padding:.5rem 0}}
        """;

    /// <param name="results">What came out, in the order of the page.</param>
    /// <param name="repository">The way from the page to the repository, for links to the code; null if the page lies outside of
    /// it.</param>
    public static string Create(IReadOnlyList<ClaimResult> results, string? repository)
    {
        var page = new StringBuilder();
        Add(page, $"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>What normalization buys</title>
            """);
        page.Append("<style>\n").Append(Style).Append("\n</style>\n</head>\n<body>\n");
        Add(page, $"""
            <h1>What normalization buys: the field's claims, on real data</h1>
            <p>Each claim has a rule that was written before its run. A number is the mean over the seeds ± half the width of its 95 % interval
            (Student's), and the bands of the charts are these intervals. A part of a rule is met or missed only where the whole interval lies on
            one side of the bound; otherwise it is undecided.</p>
            <p class="quiet">A claim is reproduced when every part of its rule is met, partly when some are met and some missed, not reproduced when
            none is met, and undecided when undecided parts could change which of these it is. Settings were chosen on validation images,
            figures are those of test images. The runs give the same figures at every vector width.</p>
            <table class="summary"><thead><tr><th>Claim</th><th>Verdict</th><th>Seen</th></tr></thead><tbody>
            """);
        foreach (ClaimResult result in results)
        {
            Add(page, $"""<tr><td><a href="#{result.Name}">{AllClaims.Of(result).Title}</a></td>""");
            Add(page, $"""<td class="verdict {result.Verdict}">{result.Verdict.DisplayName()}</td><td>{result.Outcome.KeyFigure}</td></tr>""");
        }

        Add(page, $"</tbody></table>");
        foreach (ClaimResult result in results)
            AddClaim(page, result, repository);

        Add(page, $"</body>\n</html>");
        return page.ToString();
    }

    private static void AddClaim(StringBuilder page, ClaimResult result, string? repository)
    {
        IClaim claim = AllClaims.Of(result);
        Add(page, $"""
            <section id="{claim.Name}">
            <h2>{claim.Title}</h2>
            <p class="verdict {result.Verdict}">{result.Verdict.DisplayName()}</p>
            <p class="you"><strong>What this means for you:</strong> {claim.Meaning}</p>
            <dl>
            <dt>The source</dt><dd>{claim.Statement} <span class="quiet">({claim.Source})</span></dd>
            <dt>Done here</dt><dd>{claim.Experiment} <span class="quiet">{result.Data}; {result.Seeds} seeds.</span></dd>
            <dt>Seen</dt><dd>{result.Outcome.Seen}</dd>
            """);
        page.Append("<dt>Code</dt><dd>").AppendJoin(", ", Files(claim).Select(file => Link(file, repository))).Append("</dd>\n</dl>\n");
        page.Append("""<div class="scroll"><table class="rule"><thead><tr><th>The rule</th><th>Seen</th><th></th></tr></thead><tbody>""").Append('\n');
        foreach (Finding finding in result.Outcome.Findings)
        {
            // The rule as the code has it: only the way its numbers are written may have changed since the run.
            Criterion criterion = claim.Rule.FirstOrDefault(c => c.Quantity == finding.Criterion.Quantity) ?? finding.Criterion;
            (string name, string word) = result.Verdict == Verdict.NotJudged
                ? ("NotJudged", "")
                : ($"{finding.Answer}", $"{finding.Answer}".ToLowerInvariant());
            Add(page, $"""
                <tr><td>{criterion}</td><td>{finding.Seen.Format(criterion.Unit)}</td><td class="{name}">{word}</td></tr>
                """);
        }

        page.Append("</tbody></table></div>\n<div class=\"charts\">\n");
        foreach (Panel chart in result.Outcome.Charts)
            page.Append(SvgChart.Draw("", [chart]));

        page.Append("</div>\n");
        foreach (Grid table in result.Outcome.Tables)
            AddTable(page, table);

        page.Append("</section>\n");
    }

    /// <summary>The code of the experiment and of the layers that it is about.</summary>
    private static IEnumerable<string> Files(IClaim claim) =>
        [$"benchmarks/Normalization.Training/Claims/{claim.GetType().Name}.cs",
            .. claim.Layers.Select(layer => $"src/Normalization/Layers/{layer}.cs")];

    private static string Link(string file, string? repository) => repository is null ? file : $"""<a href="{repository}/{file}">{Path.GetFileName(file)}</a>""";

    private static void AddTable(StringBuilder page, Grid table)
    {
        Add(page, $"""<h3>{table.Title}</h3>""");
        page.Append("<div class=\"scroll\"><table class=\"numbers\"><thead>");
        AddRow(page, "th", table.Header);
        page.Append("</thead><tbody>\n");
        foreach (IReadOnlyList<string> row in table.Rows)
            AddRow(page, "td", row);

        page.Append("</tbody></table></div>\n");
    }

    private static void AddRow(StringBuilder page, string cell, IEnumerable<string> texts) =>
        page.Append("<tr>").AppendJoin("", texts.Select(text => $"<{cell}>{WebUtility.HtmlEncode(text)}</{cell}>")).Append("</tr>\n");

    /// <summary>Adds a line in which whatever is filled in is text, not markup.</summary>
    private static void Add(StringBuilder page, FormattableString line)
    {
        object[] escaped = Array.ConvertAll(line.GetArguments(), argument => (object)WebUtility.HtmlEncode($"{argument}"));
        page.Append(string.Format(CultureInfo.InvariantCulture, line.Format, escaped)).Append('\n');
    }
}
