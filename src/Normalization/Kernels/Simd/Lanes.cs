using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Normalization.Kernels.Simd;

/// <summary>
/// Doubles side by side. What is computed once for each group or channel is written once for <see cref="One"/> and <see cref="Four"/>.
/// Each of the four lanes gets the bits that it would get alone.
/// </summary>
internal unsafe interface ILanes<TSelf> where TSelf : unmanaged, ILanes<TSelf>
{
    static abstract int Count { get; }

    static abstract implicit operator TSelf(double value);

    static abstract TSelf Load(double* source);

    static abstract void Store(double* destination, TSelf value);

    /// <summary>Loads doubles that lie <paramref name="step"/> apart.</summary>
    static abstract TSelf Gather(double* source, nint step);

    static abstract void Scatter(double* destination, nint step, TSelf value);

    /// <summary>The numbers of neighboring records of four doubles.</summary>
    static abstract void LoadRecords(double* source, out TSelf first, out TSelf second, out TSelf third, out TSelf fourth);

    static abstract void StoreRecords(double* destination, TSelf first, TSelf second, TSelf third, TSelf fourth);

    /// <summary>
    /// Each lane the sum of one, two or four fours of floats, which lie 16 floats apart: the fours are added in pairs, and the four sums
    /// that are left in double. The fours of the next lane come next.
    /// </summary>
    static abstract TSelf SumsOfFours(float* source, int fours);

    static abstract TSelf LoadElements<T>(T* source) where T : unmanaged;

    static abstract TSelf GatherElements<T>(T* source, nint step) where T : unmanaged;

    /// <summary>Rounds to the element type and stores.</summary>
    static abstract void StoreElements<T>(T* destination, TSelf value) where T : unmanaged;

    /// <summary>The nearest values of the element type.</summary>
    static abstract TSelf Round<T>(TSelf value) where T : unmanaged;

    static abstract TSelf operator -(TSelf value);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator -(TSelf left, TSelf right);

    static abstract TSelf operator *(TSelf left, TSelf right);

    static abstract TSelf operator /(TSelf left, TSelf right);

    /// <summary>The larger one; if one is NaN or both are zero, one of the two, which depends on the machine.</summary>
    static abstract TSelf MaxNative(TSelf left, TSelf right);

    /// <summary>The smaller one; otherwise the same.</summary>
    static abstract TSelf MinNative(TSelf left, TSelf right);

    static abstract TSelf Abs(TSelf value);

    /// <summary>1 / √value, or 0 where the value is 0.</summary>
    static abstract TSelf ReciprocalSqrt(TSelf value);

    /// <summary>The value, or 0 where its magnitude exceeds the limit or it is NaN.</summary>
    static abstract TSelf Within(TSelf value, double limit);

    /// <summary>The value, or 0 where it is below 0; NaN stays.</summary>
    static abstract TSelf NotNegative(TSelf value);

    /// <summary>Whether no lane is NaN.</summary>
    static abstract bool AreNumbers(TSelf value);

    /// <summary>Whether left is at most right in every lane.</summary>
    static abstract bool AreAtMost(TSelf left, TSelf right);

    /// <summary>Whether every value is zero or its magnitude lies between the two.</summary>
    static abstract bool AreZeroOrBetween(TSelf value, double smallest, double largest);

    /// <summary>The first lane.</summary>
    static abstract double First(TSelf value);
}

/// <summary>Work on groups or channels that do not depend on each other.</summary>
internal interface ILaneJob
{
    /// <summary>Does the work of the lanes from the first on, or, where one of several needs to be looked at alone, nothing.</summary>
    bool TryRun<TLanes>(nint first) where TLanes : unmanaged, ILanes<TLanes>;
}

internal static class Lanes
{
    /// <summary>Four at a time, where the machine has vectors for them, and the rest alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<TJob>(in TJob job, nint start, nint end) where TJob : struct, ILaneJob, allows ref struct
    {
        nint i = start;
        for (; Vector256.IsHardwareAccelerated && i + Four.Count <= end; i += Four.Count)
        {
            if (job.TryRun<Four>(i))
                continue;
            for (nint lane = i; lane < i + Four.Count; lane++)
                job.TryRun<One>(lane);
        }
        for (; i < end; i++)
            job.TryRun<One>(i);
    }
}

/// <summary>One double alone.</summary>
internal readonly unsafe partial struct One(double value) : ILanes<One>
{
    private readonly double _value = value;

    public static int Count => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator One(double value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator double(One value) => value._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One Load(double* source) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(double* destination, One value) => *destination = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One Gather(double* source, nint step) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scatter(double* destination, nint step, One value) => *destination = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One LoadElements<T>(T* source) where T : unmanaged => Element.ToDouble(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One GatherElements<T>(T* source, nint step) where T : unmanaged => Element.ToDouble(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreElements<T>(T* destination, One value) where T : unmanaged => *destination = Element.FromDouble<T>(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One Round<T>(One value) where T : unmanaged => Element.Round<T>(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One operator -(One value) => -value._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One operator +(One left, One right) => left._value + right._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One operator -(One left, One right) => left._value - right._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One operator *(One left, One right) => left._value * right._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One operator /(One left, One right) => left._value / right._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One ReciprocalSqrt(One value) => value._value == 0 ? 0 : 1 / Math.Sqrt(value._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double First(One value) => value;
}

/// <summary>Four doubles in a vector.</summary>
internal readonly unsafe partial struct Four(Vector256<double> value) : ILanes<Four>
{
    private readonly Vector256<double> _value = value;

    public static int Count => Vector256<double>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator Four(double value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four Load(double* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(double* destination, Four value) => value._value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four Gather(double* source, nint step) =>
        new(Vector256.Create(source[0], source[step], source[2 * step], source[3 * step]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scatter(double* destination, nint step, Four value)
    {
        Vector128<double> lower = value._value.GetLower(), upper = value._value.GetUpper();
        destination[0] = lower[0];
        destination[step] = lower[1];
        destination[2 * step] = upper[0];
        destination[3 * step] = upper[1];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four LoadElements<T>(T* source) where T : unmanaged =>
        new(typeof(T) == typeof(float) ? Precision.Widen(Vector128.Load((float*)source)) : Vector256.Load((double*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four GatherElements<T>(T* source, nint step) where T : unmanaged =>
        step == 1 ? LoadElements(source)
        : typeof(T) == typeof(float)
            ? new(Precision.Widen(Vector128.Create(
                ((float*)source)[0], ((float*)source)[step], ((float*)source)[2 * step], ((float*)source)[3 * step])))
            : Gather((double*)source, step);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreElements<T>(T* destination, Four value) where T : unmanaged
    {
        if (typeof(T) == typeof(float))
            Precision.Narrow(value._value).Store((float*)destination);
        else
            value._value.Store((double*)destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four Round<T>(Four value) where T : unmanaged =>
        typeof(T) == typeof(float) ? new(Precision.Widen(Precision.Narrow(value._value))) : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four operator -(Four value) => new(-value._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four operator +(Four left, Four right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four operator -(Four left, Four right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four operator *(Four left, Four right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four operator /(Four left, Four right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four ReciprocalSqrt(Four value) =>
        new(Vector256.AndNot(Vector256<double>.One / Vector256.Sqrt(value._value), Vector256.Equals(value._value, default)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double First(Four value) => value._value.ToScalar();
}
