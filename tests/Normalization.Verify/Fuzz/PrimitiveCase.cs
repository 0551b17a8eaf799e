using System.Numerics;
using System.Runtime.InteropServices;

namespace Normalization.Verify.Fuzz;

/// <summary>One primitive on spans that fit, do not fit or overlap, with sizes that make sense or overflow.</summary>
internal sealed class PrimitiveCase<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // The product of the three large ones is 2^64 + 4.
    private static readonly int[] s_absurd = [0, -1, int.MaxValue, 1 << 16, 1 << 21, 1 << 22, 769_546, 494_770, 48_448_661];

    private readonly FuzzRandom _random;
    private readonly List<(Memory<T> Live, T[] Kept)> _elements = [];
    private readonly List<(Memory<double> Live, double[] Kept)> _statistics = [];
    private readonly bool _isRows;
    private readonly bool _isRms;
    private readonly bool _isBatch;
    private readonly int _n;
    private readonly int _c;
    private readonly int _s;
    private readonly int _groups;
    private readonly int _length;
    private readonly Int128 _parameters;
    private readonly Int128 _statisticsCount;
    private bool _isRight;

    private PrimitiveCase(FuzzRandom random)
    {
        _random = random;
        (_isRows, _isRms, _isBatch) = random.Of((true, false, false), (true, true, false), (false, false, true), (false, false, false));
        bool isAbsurd = random.Chance(0.06);
        (_n, _c, _s) = (Size(isAbsurd), _isRows ? 1 : Size(isAbsurd), Size(isAbsurd));
        bool isGroup = !_isRows && !_isBatch;
        _groups = !isGroup ? 1 : random.Chance(0.05) ? random.Of(0, -1, 7) : random.Of([.. Enumerable.Range(1, Math.Clamp(_c, 1, 64)).Where(d => _c % d == 0)]);
        Int128 elements = (Int128)_n * _c * _s;
        _isRight = _n >= 0 && _c >= 0 && _s >= 0 && _groups > 0 && _c % Math.Max(1, _groups) == 0;
        // What a 64-bit product would take the absurd sizes for.
        _length = (int)((ulong)(long)(elements & ulong.MaxValue) & 0xFFFF);
        _isRight &= elements == _length;
        _parameters = _isRows ? _s : _c;
        _statisticsCount = _isBatch ? _c : (Int128)_n * _groups;
    }

    public static void Run(FuzzRandom random)
    {
        var @case = new PrimitiveCase<T>(random);
        if (random.Chance(0.4))
            @case.Gradient();
        else if (random.Chance(0.15) && !@case._isRms)
            @case.Moments();
        else
            @case.Forward();
    }

    private void Forward()
    {
        Memory<T> x = Elements(_length, optional: false), y = Output(x);
        Memory<T> weight = Elements(_parameters), bias = _isRms ? default : Elements(_parameters);
        Memory<double> mean = _isRms ? default : Statistics(), r = Statistics();
        double epsilon = _random.Chance(0.02) ? -1 : 1e-5, momentum = _random.Chance(0.02) ? 2 : 0.1;
        _isRight &= epsilon >= 0 && (!_isBatch || (momentum <= 1 && (Int128)_n * _s != 1));
        Require(_isRms ? "RmsNormForward" : _isRows ? "LayerNormForward" : _isBatch ? "BatchNormForward" : "GroupNormForward", () =>
        {
            if (_isRms)
                NormalizationPrimitives.RmsNormForward<T>(x.Span, _n, _s, weight.Span, epsilon, y.Span, r.Span);
            else if (_isRows)
                NormalizationPrimitives.LayerNormForward<T>(x.Span, _n, _s, weight.Span, bias.Span, epsilon, y.Span, mean.Span, r.Span);
            else if (_isBatch)
                NormalizationPrimitives.BatchNormForward(x.Span, _n, _c, _s, weight.Span, bias.Span, epsilon, y.Span, mean.Span, r.Span, default, default, momentum);
            else
                NormalizationPrimitives.GroupNormForward<T>(x.Span, _n, _c, _s, _groups, weight.Span, bias.Span, epsilon, y.Span, mean.Span, r.Span);
        });
    }

    private void Gradient()
    {
        Memory<T> x = Elements(_length, optional: false), dy = Elements(_length, optional: false), dx = Output(dy);
        Memory<T> weight = Elements(_parameters), dw = Elements(_parameters), db = _isRms ? default : Elements(_parameters);
        Memory<double> mean = _isRms ? default : Statistics(optional: false), r = Statistics(optional: false);
        bool isInference = _isBatch && _random.Chance(0.3);
        Require(_isRms ? "RmsNormGradient" : _isRows ? "LayerNormGradient" : _isBatch ? "BatchNormGradient" : "GroupNormGradient", () =>
        {
            if (_isRms)
                NormalizationPrimitives.RmsNormGradient<T>(x.Span, dy.Span, _n, _s, weight.Span, dx.Span, dw.Span, r.Span);
            else if (_isRows)
                NormalizationPrimitives.LayerNormGradient<T>(x.Span, dy.Span, _n, _s, weight.Span, dx.Span, dw.Span, db.Span, mean.Span, r.Span);
            else if (isInference)
                NormalizationPrimitives.BatchNormInferenceGradient<T>(x.Span, dy.Span, _n, _c, _s, weight.Span, dx.Span, dw.Span, db.Span, mean.Span, r.Span);
            else if (_isBatch)
                NormalizationPrimitives.BatchNormGradient<T>(x.Span, dy.Span, _n, _c, _s, weight.Span, dx.Span, dw.Span, db.Span, mean.Span, r.Span);
            else
                NormalizationPrimitives.GroupNormGradient<T>(x.Span, dy.Span, _n, _c, _s, _groups, weight.Span, dx.Span, dw.Span, db.Span, mean.Span, r.Span);
        });
    }

    private void Moments()
    {
        Memory<T> x = Elements(_length, optional: false);
        Memory<double> mean = Statistics(optional: false), variance = Statistics(optional: false);
        Require(_isRows ? "LayerNormMoments" : _isBatch ? "BatchNormMoments" : "GroupNormMoments", () =>
        {
            if (_isRows)
                NormalizationPrimitives.LayerNormMoments<T>(x.Span, _n, _s, mean.Span, variance.Span);
            else if (_isBatch)
                NormalizationPrimitives.BatchNormMoments<T>(x.Span, _n, _c, _s, mean.Span, variance.Span);
            else
                NormalizationPrimitives.GroupNormMoments<T>(x.Span, _n, _c, _s, _groups, mean.Span, variance.Span);
        });
    }

    private void Require(string name, Action call)
    {
        if (!(_isRight ? Outcome.Success : Outcome.Argument).Throws(name, call))
            return;
        foreach ((Memory<T> live, T[] kept) in _elements)
            FuzzFailure.Require(MemoryMarshal.AsBytes(live.Span).SequenceEqual(MemoryMarshal.AsBytes<T>(kept)), $"{name}, which threw, wrote elements");
        foreach ((Memory<double> live, double[] kept) in _statistics)
            FuzzFailure.Require(live.Span.SequenceEqual(kept), $"{name}, which threw, wrote statistics");
    }

    private int Size(bool isAbsurd) => isAbsurd ? _random.Of<int>(s_absurd) : _random.Size();

    /// <summary>Elements of this count; at times of another one, which has to be refused, or none where that is allowed.</summary>
    private Memory<T> Elements(Int128 count, bool optional = true)
    {
        Memory<T> memory = new T[Count(count, optional)];
        _random.Fill(memory.Span);
        _elements.Add((memory, memory.ToArray()));
        return memory;
    }

    private Memory<double> Statistics(bool optional = true)
    {
        Memory<double> memory = new double[Count(_statisticsCount, optional)];
        memory.Span.Fill(0.5);
        _statistics.Add((memory, memory.ToArray()));
        return memory;
    }

    private int Count(Int128 count, bool optional)
    {
        if (optional && _random.Chance(0.3))
            return 0;
        int length = count >= 0 && count <= 1 << 16 ? (int)count : 0;
        if (_random.Chance(0.03))
            length = Math.Max(0, length + _random.Of(-1, 1));
        _isRight &= length == count || (optional && length == 0);
        return length;
    }

    /// <summary>An output apart from everything, exactly over the tensor that it may replace, or shifted against it.</summary>
    private Memory<T> Output(Memory<T> replaced)
    {
        int choice = _random.Below(20);
        if (choice == 0)
            return replaced;
        if (choice == 1 && replaced.Length > 1)
        {
            _isRight = false;
            return replaced[1..];
        }
        return Elements(_length, optional: false);
    }
}
