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
    private byte[] _mask = [];
    private T[] _weights = [];
    private SampleWeight[] _samples = [];
    private int _lengthCount;
    private int _maskCount;
    private int _weightCount;
    private int _sampleCount;
    private int _exponent;
    private bool _keepsInvalid;

    public bool IsAny => _sampleCount > 0;

    public ValidPositions<T> Positions => new()
    {
        Lengths = _lengths.AsSpan(0, _lengthCount),
        Mask = _mask.AsSpan(0, _maskCount),
        Weights = _weights.AsSpan(0, _weightCount),
        Samples = _samples.AsSpan(0, _sampleCount),
        Exponent = _exponent,
        KeepsInvalid = _keepsInvalid,
    };

    public void Clear() => _sampleCount = 0;

    /// <summary>Keeps a copy.</summary>
    public void Set(in Plan plan, in GivenPositions<T> given)
    {
        (_lengthCount, _sampleCount) = (given.Lengths.Length, (int)plan.N);
        int maskRoom = given.MaskRoom(plan);
        _lengths = Grown(_lengths, _lengthCount);
        _mask = Grown(_mask, maskRoom);
        _weights = Grown(_weights, given.Weights.Length);
        _samples = Grown(_samples, _sampleCount);
        given.Lengths.CopyTo(_lengths);
        ValidPositions<T> filled = given.Fill(
            plan, _mask.AsSpan(0, maskRoom), _weights.AsSpan(0, given.Weights.Length), _samples.AsSpan(0, _sampleCount));
        (_maskCount, _weightCount) = (filled.Mask.Length, filled.Weights.Length);
        (_exponent, _keepsInvalid) = (filled.Exponent, filled.KeepsInvalid);
    }

    private static TElement[] Grown<TElement>(TElement[] array, int length) =>
        array.Length < length ? GC.AllocateUninitializedArray<TElement>(length) : array;
}
