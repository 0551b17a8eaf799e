using Normalization.Kernels;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(Normalization.Tests.LongestFirst))]

namespace Normalization.Tests;

/// <summary>Tests that change or measure what belongs to the whole process run alone, one after another.</summary>
[CollectionDefinition(nameof(ProcessWide), DisableParallelization = true)]
public sealed class ProcessWide;

/// <summary>
/// Tests that change the vector width or the number of threads run one after another, and beside the others: no setting changes a bit.
/// </summary>
[CollectionDefinition(nameof(Settings))]
public sealed class Settings;

/// <summary>Begins with what takes longest, or one processor would wait for it at the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] _longest = [nameof(Settings), nameof(VerifyTests), nameof(MpiTests)];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderByDescending(static tests => _longest.Any(tests.TestCollectionDisplayName.Contains))];
}

/// <summary>Runs everything at one vector width or with one number of threads, and puts back what was there before.</summary>
internal sealed class Setting : IDisposable
{
    private readonly KernelSet<float> _floats = KernelSet<float>.Active;
    private readonly KernelSet<double> _doubles = KernelSet<double>.Active;
    private readonly int _degree = NormalizationParallelism.MaxDegree;

    private Setting()
    {
    }

    public static Setting Width(int bits)
    {
        var setting = new Setting();
        KernelSet<float>.Active = KernelSet<float>.ForWidth(bits);
        KernelSet<double>.Active = KernelSet<double>.ForWidth(bits);
        return setting;
    }

    public static Setting Degree(int threads)
    {
        var setting = new Setting();
        NormalizationParallelism.MaxDegree = threads;
        return setting;
    }

    public void Dispose()
    {
        KernelSet<float>.Active = _floats;
        KernelSet<double>.Active = _doubles;
        NormalizationParallelism.MaxDegree = _degree;
    }
}
