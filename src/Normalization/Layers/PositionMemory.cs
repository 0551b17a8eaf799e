using System.Numerics;
using Normalization.Kernels;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Statistics;

namespace Normalization;

/// <summary>Memory in which a context keeps the valid positions of a pass.</summary>
internal sealed class PositionMemory<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private int[] _lengths = [];
    private T[] _weights = [];
    private SampleWeight[] _samples = [];
    private int _lengthCount;
    private int _weightCount;
    private int _sampleCount;
    private int _exponent;
    private bool _keepsInvalid;

    public bool IsAny => _sampleCount > 0;

    public ValidPositions<T> Positions => new()
    {
        Lengths = _lengths.AsSpan(0, _lengthCount),
        Weights = _weights.AsSpan(0, _weightCount),
        Samples = _samples.AsSpan(0, _sampleCount),
        Exponent = _exponent,
        KeepsInvalid = _keepsInvalid,
    };

    public void Clear() => _sampleCount = 0;

    /// <summary>Keeps a copy.</summary>
    public void Set(in Plan plan, in GivenPositions<T> given)
    {
        (_lengthCount, _weightCount, _sampleCount) = (given.Lengths.Length, given.WeightCount(plan), (int)plan.N);
        _lengths = Grown(_lengths, _lengthCount);
        _weights = Grown(_weights, _weightCount);
        _samples = Grown(_samples, _sampleCount);
        given.Lengths.CopyTo(_lengths);
        ValidPositions<T> filled = given.Fill(plan, _weights.AsSpan(0, _weightCount), _samples.AsSpan(0, _sampleCount));
        (_exponent, _keepsInvalid) = (filled.Exponent, filled.KeepsInvalid);
    }

    private static TElement[] Grown<TElement>(TElement[] array, int length) =>
        array.Length < length ? GC.AllocateUninitializedArray<TElement>(length) : array;
}
