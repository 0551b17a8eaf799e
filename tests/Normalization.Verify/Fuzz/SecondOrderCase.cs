using System.Numerics;
using System.Runtime.InteropServices;

namespace Normalization.Verify.Fuzz;

/// <summary>
/// Passes of second order on spans that fit, do not fit or overlap. Where they have to work, the gradient of dy is the tangent of y along
/// the same directions, and twice the directions give exactly twice the results.
/// </summary>
internal sealed class SecondOrderCase<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly FuzzRandom _random;
    private readonly List<(Memory<T> Live, T[] Kept)> _memories = [];
    private readonly NormalizationPlan _plan;
    private readonly int _length;
    private readonly bool _isFixed;
    private bool _isRight = true;

    private SecondOrderCase(FuzzRandom random)
    {
        _random = random;
        (int n, int c, int s) = (random.Size(), 1 + random.Below(6), random.Size());
        bool isRows = random.Chance(0.4), isBatch = !isRows && random.Chance(0.5);
        _isFixed = isBatch && random.Chance(0.3);
        _plan = isRows ? NormalizationPlan.Rows(n, s, random.Chance(0.5))
            : isBatch ? NormalizationPlan.Batch(n, c, s).InVirtualBatches(!_isFixed && random.Chance(0.3) ? 2 : null)
            : random.Chance(0.5) ? NormalizationPlan.Groups(n, c, s, random.Chance(0.5) ? 1 : c)
            : NormalizationPlan.Positions(n, c, s, random.Chance(0.5));
        _length = n * (isRows ? 1 : c) * s;
    }

    public static void Run(FuzzRandom random) => new SecondOrderCase<T>(random).Run();

    private void Run()
    {
        int parameters = _plan.ParameterCount;
        Memory<T> x = Elements(_length), dy = Elements(_length), weight = Optional(parameters);
        Memory<T> v = Optional(_length), u = Optional(parameters), b = Optional(parameters);
        Memory<T> dyGradient = Optional(_length), xGradient = Optional(_length), weightGradient = Zeros(parameters);
        if (_random.Chance(0.05) && xGradient.Length > 0 && _length > 0)
            (_isRight, xGradient) = (false, _random.Chance(0.5) ? dy : x);
        double[] mean = new double[_plan.GroupCount], r = new double[_plan.GroupCount];
        mean.AsSpan().Fill(0.25);
        r.AsSpan().Fill(0.5);
        void Backward(ReadOnlySpan<T> v, ReadOnlySpan<T> u, ReadOnlySpan<T> b, Span<T> first, Span<T> second, Span<T> third) =>
            NormalizationPrimitives.DoubleBackward(
                _plan, x.Span, dy.Span, weight.Span,
                new DoubleBackwardTerms<T>
                {
                    InputGradientGradient = v,
                    WeightGradientGradient = u,
                    BiasGradientGradient = b,
                    OutputGradientGradient = first,
                    InputGradient = second,
                    WeightGradient = third,
                },
                mean, r, _isFixed);
        if ((_isRight ? Outcome.Success : Outcome.Argument).Throws(
            "DoubleBackward", () => Backward(v.Span, u.Span, b.Span, dyGradient.Span, xGradient.Span, weightGradient.Span)))
        {
            foreach ((Memory<T> live, T[] kept) in _memories)
                FuzzFailure.Require(AreSame<T>(live.Span, kept), "DoubleBackward, which threw, wrote elements");
            return;
        }
        T[] tangent = new T[_length], twiceFirst = new T[dyGradient.Length], twiceSecond = new T[xGradient.Length], twiceThird = new T[weightGradient.Length];
        NormalizationPrimitives.ForwardTangent<T>(_plan, x.Span, v.Span, weight.Span, u.Span, b.Span, tangent, mean, r, _isFixed);
        FuzzFailure.Require(dyGradient.Length == 0 || AreSame<T>(dyGradient.Span, tangent), "DoubleBackward: the gradient of dy is not the tangent of y");
        Backward(Twice(v), Twice(u), Twice(b), twiceFirst, twiceSecond, twiceThird);
        FuzzFailure.Require(Twice(dyGradient).AsSpan().SequenceEqual(twiceFirst), "DoubleBackward: the gradient of dy is not linear");
        FuzzFailure.Require(Twice(xGradient).AsSpan().SequenceEqual(twiceSecond), "DoubleBackward: the gradient of x is not linear");
        FuzzFailure.Require(Twice(weightGradient).AsSpan().SequenceEqual(twiceThird), "DoubleBackward: the gradient of γ is not linear");
    }

    private static bool AreSame<TElement>(ReadOnlySpan<TElement> left, ReadOnlySpan<TElement> right) where TElement : unmanaged =>
        MemoryMarshal.AsBytes(left).SequenceEqual(MemoryMarshal.AsBytes(right));

    private static T[] Twice(Memory<T> values)
    {
        T[] twice = values.ToArray();
        foreach (ref T value in twice.AsSpan())
            value += value;
        return twice;
    }

    /// <summary>What gains something begins at zero.</summary>
    private Memory<T> Zeros(int count)
    {
        Memory<T> memory = _random.Chance(0.4) ? default : new T[count];
        _memories.Add((memory, memory.ToArray()));
        return memory;
    }

    private Memory<T> Optional(int count) => _random.Chance(0.4) ? default : Elements(count, isOptional: true);

    /// <summary>Elements of this count; at times of another one, which has to be refused.</summary>
    private Memory<T> Elements(int count, bool isOptional = false)
    {
        int length = count > 0 && _random.Chance(0.02) ? count - 1 : count;
        _isRight &= length == count || (isOptional && length == 0);
        Memory<T> memory = new T[length];
        foreach (ref T element in memory.Span)
            element = T.CreateTruncating((_random.Below(2001) - 1000) / 256.0);
        _memories.Add((memory, memory.ToArray()));
        return memory;
    }
}
