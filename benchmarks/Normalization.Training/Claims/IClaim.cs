using Normalization.Training.Claims.Method;
using Normalization.Training.Reports;

namespace Normalization.Training.Claims;

/// <summary>Something that is said of normalization, and the experiment that puts it to the test.</summary>
internal interface IClaim
{
    /// <summary>The name on the command line.</summary>
    string Name { get; }

    string Title { get; }

    /// <summary>Who says it, and where.</summary>
    string Source { get; }

    /// <summary>What the source says.</summary>
    string Statement { get; }

    /// <summary>What is done here.</summary>
    string Experiment { get; }

    /// <summary>What a reader who builds a network should do or expect, in one sentence.</summary>
    string Meaning { get; }

    /// <summary>The layers of the library that the claim is about, by the names of their files.</summary>
    IReadOnlyList<string> Layers { get; }

    /// <summary>When the claim counts as reproduced: decided before the run.</summary>
    IReadOnlyList<Criterion> Rule { get; }

    /// <summary>How often a full run repeats everything, unless the command line says otherwise.</summary>
    int Seeds => 5;

    Outcome Run(Laboratory laboratory);
}

/// <summary>What an experiment showed: in a few words, in a sentence or two, against the rule, in pictures and in numbers.</summary>
internal sealed record Outcome(string KeyFigure, string Seen, IReadOnlyList<Finding> Findings)
{
    public IReadOnlyList<Panel> Charts { get; init; } = [];

    public IReadOnlyList<Grid> Tables { get; init; } = [];
}

/// <summary>A claim and its outcome: the name of the claim, on which data and with how many seeds it was tested.</summary>
internal sealed record ClaimResult(string Name, string Data, int Seeds, Verdict Verdict, Outcome Outcome);
