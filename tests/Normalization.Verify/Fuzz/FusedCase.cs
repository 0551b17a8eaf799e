using System.Numerics;
using System.Runtime.InteropServices;

namespace Normalization.Verify.Fuzz;

/// <summary>
/// One fused primitive on spans that fit, do not fit or overlap. Where it has to work, the result has the bits of the plain pass and of the
/// terms one after another.
/// </summary>
internal sealed class FusedCase<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly FuzzRandom _random;
    private readonly List<(Memory<T> Live, T[] Kept)> _memories = [];
    private readonly NormalizationPlan _plan;
    private readonly int _length;
    private readonly int _n;
    private readonly int _c;
    private readonly int _s;
    private readonly bool _isRows;
    private readonly int _rowsPerSample;
    private readonly bool _hasStatistics;
    private bool _isRight = true;

    private FusedCase(FuzzRandom random)
    {
        _random = random;
        (_n, _c, _s) = (random.Size(), 1 + random.Below(6), random.Size());
        _isRows = random.Chance(0.4);
        _rowsPerSample = _isRows && _n % 2 == 0 && random.Chance(0.5) ? 2 : 1;
        bool isBatch = !_isRows && random.Chance(0.5);
        _hasStatistics = !isBatch || _n * _s != 1;
        _plan = _isRows ? NormalizationPlan.Rows(_n, _s, random.Chance(0.5))
            : isBatch ? NormalizationPlan.Batch(_n, _c, _s)
            : random.Chance(0.5) ? NormalizationPlan.Groups(_n, _c, _s, random.Chance(0.5) ? 1 : _c)
            : NormalizationPlan.Positions(_n, _c, _s);
        _c = _isRows ? 1 : _c;
        _length = _n * _c * _s;
    }

    public static void Run(FuzzRandom random)
    {
        var @case = new FusedCase<T>(random);
        if (random.Chance(0.5))
            @case.Forward();
        else
            @case.Backward();
    }

    private void Forward()
    {
        _isRight &= _hasStatistics;
        Memory<T> x = Elements(_length), residual = Optional(_length), skip = Optional(_length);
        int coefficients = _isRows ? _n / _rowsPerSample * _s : _n * _c;
        Memory<T> scale = Optional(coefficients, !_isRows), shift = Optional(coefficients, !_isRows), y = Elements(_length);
        bool isSumWanted = residual.Length > 0 && _random.Chance(0.6);
        Memory<T> sum = !isSumWanted ? default : _random.Below(4) switch { 0 => x, 1 => residual, _ => Elements(_length) };
        if (_random.Chance(0.05) && y.Length > 0 && skip.Length > 0)
        {
            (_isRight, y) = (false, skip);
        }
        Activation activation = _random.Of(Enum.GetValues<Activation>());
        bool includesOne = _random.Chance(0.5);
        T[] source = x.ToArray(), n = new T[_length];
        for (int i = 0; i < _length && _isRight && residual.Length > 0; i++)
            source[i] += residual.Span[i];
        T[] skipped = skip.ToArray(), scales = scale.ToArray(), shifts = shift.ToArray();
        if (!Require("FusedForward", () => NormalizationPrimitives.FusedForward(
            _plan, x.Span, [], [], 1e-5,
            new ForwardTerms<T> { Residual = residual.Span, Sum = sum.Span, Skip = skip.Span, Scale = scale.Span, Shift = shift.Span, ScaleIncludesOne = includesOne },
            activation, y.Span, default, default)))
        {
            return;
        }
        NormalizationPrimitives.FusedForward<T>(_plan, source, [], [], 1e-5, default, Activation.None, n, default, default);
        for (int i = 0; i < _length; i++)
        {
            int at = _isRows ? (i / _s / _rowsPerSample * _s) + (i % _s) : i / _s;
            if (scales.Length + shifts.Length > 0)
            {
                T factor = scales.Length == 0 ? T.One : scales[at] + (includesOne ? T.Zero : T.One);
                n[i] = T.FusedMultiplyAdd(n[i], factor, shifts.Length == 0 ? T.Zero : shifts[at]);
            }
            if (skipped.Length > 0)
                n[i] += skipped[i];
            if (activation == Activation.Relu)
                n[i] = n[i] < T.Zero ? T.Zero : n[i];
            FuzzFailure.Require(
                activation is not (Activation.None or Activation.Relu) || y.Span[i].Equals(n[i]) || y.Span[i] == n[i],
                "FusedForward differs from the steps one after another");
            FuzzFailure.Require(sum.Length == 0 || sum.Span[i].Equals(source[i]), "FusedForward wrote another sum");
        }
    }

    private void Backward()
    {
        Memory<T> x = Elements(_length), dy = Elements(_length), skip = Optional(_length), sumGradient = Optional(_length);
        int coefficients = _isRows ? _n / _rowsPerSample * _s : _n * _c;
        Memory<T> scale = Optional(coefficients, !_isRows), shift = Optional(coefficients, !_isRows), skipGradient = Optional(_length);
        Memory<T> scaleGradient = scale.Length > 0 ? Optional(scale.Length) : default, shiftGradient = shift.Length > 0 ? Optional(shift.Length) : default;
        Memory<T> dx = _random.Below(4) switch { 0 => dy, 1 when sumGradient.Length > 0 => sumGradient, _ => Elements(_length) };
        if (_random.Chance(0.05) && skipGradient.Length > 0 && _length > 0)
            (_isRight, skipGradient) = (false, x);
        double[] mean = new double[_plan.GroupCount], r = new double[_plan.GroupCount];
        r.AsSpan().Fill(0.5);
        Activation activation = _random.Of(Enum.GetValues<Activation>());
        Require("FusedGradient", () => NormalizationPrimitives.FusedGradient(
            _plan, x.Span, dy.Span, [], [],
            new BackwardTerms<T>
            {
                Skip = skip.Span,
                Scale = scale.Span,
                Shift = shift.Span,
                SumGradient = sumGradient.Span,
                SkipGradient = skipGradient.Span,
                ScaleGradient = scaleGradient.Span,
                ShiftGradient = shiftGradient.Span,
            },
            activation, dx.Span, default, default, mean, r));
    }

    /// <summary>True if the call worked, as it had to; a call that threw has written nothing.</summary>
    private bool Require(string name, Action call)
    {
        if (!(_isRight ? Outcome.Success : Outcome.Argument).Throws(name, call))
            return true;
        foreach ((Memory<T> live, T[] kept) in _memories)
            FuzzFailure.Require(MemoryMarshal.AsBytes(live.Span).SequenceEqual(MemoryMarshal.AsBytes<T>(kept)), $"{name}, which threw, wrote elements");
        return false;
    }

    private Memory<T> Optional(int count, bool mayBeWrong = true) =>
        _random.Chance(0.5) ? default : Elements(count, isOptional: true, mayBeWrong);

    /// <summary>Elements of this count; at times of another one, which has to be refused.</summary>
    private Memory<T> Elements(int count, bool isOptional = false, bool mayBeWrong = true)
    {
        int length = mayBeWrong && count > 0 && _random.Chance(0.02) ? count - 1 : count;
        _isRight &= length == count || (isOptional && length == 0);
        Memory<T> memory = new T[length];
        foreach (ref T element in memory.Span)
            element = T.CreateTruncating((_random.Below(2001) - 1000) / 256.0);
        _memories.Add((memory, memory.ToArray()));
        return memory;
    }
}
