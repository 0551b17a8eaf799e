using System.Runtime.CompilerServices;

namespace Normalization.Kernels.Statistics;

/// <summary>
/// Which floats x ReLU passes behind (x - pivot) · scale + shift: those with x · sign not below a bound, and NaN. Rounding keeps the order
/// of numbers, so that the bound decides for every x as the rounded result does.
/// </summary>
internal readonly struct ReluBound
{
    private readonly float _sign;
    private readonly float _pivot;
    private readonly float _scale;
    private readonly float _shift;

    private ReluBound(in Affine affine)
    {
        (_pivot, _scale, _shift) = ((float)affine.Pivot, (float)affine.Scale, (float)affine.Shift);
        _sign = _scale < 0 ? -1 : 1;
    }

    private static int First => KeyOf(float.NegativeInfinity);

    private static int Last => KeyOf(float.PositiveInfinity);

    /// <summary>The sign and the bound. Returns false where floats do not compute the result, or the coefficients are not finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static bool TryFind(in Affine affine, out double sign, out double least)
    {
        ReluBound bound = new(affine);
        sign = bound._sign;
        least = bound._shift > 0 ? double.NegativeInfinity : double.PositiveInfinity;
        bool isFinite = float.IsFinite(bound._pivot) && float.IsFinite(bound._scale) && float.IsFinite(bound._shift);
        if (!affine.IsNarrow || !isFinite)
            return false;
        if (bound._scale != 0)
            least = ValueOf(bound.FirstPassed());
        return true;
    }

    /// <summary>The key of the least x · sign that is passed, which lies near the zero of the exact result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private int FirstPassed()
    {
        // A bound lies above what is not passed and at or below what is: minus infinity is not passed, infinity is.
        int near = KeyOf((float)(_sign * (_pivot - ((double)_shift / _scale)))), below, passed;
        if (IsPassed(near))
        {
            passed = near;
            below = near - 1;
            for (long step = 2; IsPassed(below); step *= 2)
                (passed, below) = (below, (int)Math.Max(below - step, First));
        }
        else
        {
            below = near;
            passed = near + 1;
            for (long step = 2; !IsPassed(passed); step *= 2)
                (below, passed) = (passed, (int)Math.Min(passed + step, Last));
        }
        while (passed - (long)below > 1)
        {
            int middle = (int)(((long)passed + below) >> 1);
            if (IsPassed(middle))
                passed = middle;
            else
                below = middle;
        }
        return passed;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsPassed(int key) => MathF.FusedMultiplyAdd((ValueOf(key) * _sign) - _pivot, _scale, _shift) > 0;

    /// <summary>Whole numbers in the order of the floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int KeyOf(float value) => Turned(BitConverter.SingleToInt32Bits(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float ValueOf(int key) => BitConverter.Int32BitsToSingle(Turned(key));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Turned(int bits) => bits ^ ((bits >> 31) & int.MaxValue);
}
