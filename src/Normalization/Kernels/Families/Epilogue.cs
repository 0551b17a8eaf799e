using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>What follows the norm, elementwise, in the element type; every step is rounded as if it were written.</summary>
internal readonly unsafe struct Epilogue<T, V, TActivation>(in EpilogueOperands<T> operands) : IJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where TActivation : IActivation
{
    private readonly EpilogueOperands<T> _operands = operands;

    public static void Run(in EpilogueOperands<T> operands)
    {
        EpilogueLayout layout = operands.Layout;
        Partition.For(
            new Epilogue<T, V, TActivation>(operands), layout.Blocks * layout.Rows, Partition.DegreeFor((long)layout.Elements * sizeof(T)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Run(nint start, nint end)
    {
        EpilogueLayout layout = _operands.Layout;
        for (nint row = start; row < end; row++)
        {
            nint offset = row * layout.Length, length = Math.Min(layout.Length, layout.Elements - offset);
            var map = new EpilogueMap<T, V>(_operands, row / layout.Rows, 0, offset);
            T* y = _operands.Output + offset;
            nint i = 0;
            for (; i + V.Count <= length; i += V.Count)
                V.Store(y + i, TActivation.Apply<V, T>(map.At(i, default(Whole))));
            if (i < length)
                V.StorePart(y + i, TActivation.Apply<V, T>(map.At(i, new Part(length - i))), length - i);
        }
    }
}

/// <summary>n · scale + shift + skip in a row, from some column on.</summary>
internal readonly unsafe struct EpilogueMap<T, V>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
{
    private readonly T* _input;
    private readonly T* _skip;
    private readonly T* _scale;
    private readonly T* _shift;
    private readonly V _oneScale;
    private readonly V _oneShift;
    private readonly V _offset;
    private readonly bool _isModulated;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public EpilogueMap(in EpilogueOperands<T> operands, nint block, nint column, nint offset)
    {
        _input = operands.Input + offset;
        _skip = operands.Skip == null ? null : operands.Skip + offset;
        _isModulated = operands.Scale != null || operands.Shift != null;
        _offset = V.Broadcast(operands.Scale == null ? 1 : operands.ScaleOffset);
        if (operands.Layout.IsElementwise)
        {
            nint first = (block * operands.Layout.Length) + column;
            _scale = operands.Scale == null ? null : operands.Scale + first;
            _shift = operands.Shift == null ? null : operands.Shift + first;
        }
        else
        {
            _oneScale = V.Broadcast(operands.Scale == null ? 0 : Element.ToDouble(operands.Scale[block]));
            _oneShift = V.Broadcast(operands.Shift == null ? 0 : Element.ToDouble(operands.Shift[block]));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Normalized<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess => access.Load<V, T>(_input + i);

    /// <summary>What n is multiplied by.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Scale<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess =>
        (_scale == null ? _oneScale : access.Load<V, T>(_scale + i)) + _offset;

    /// <summary>What the activation is applied to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At<TAccess>(nint i, TAccess access) where TAccess : struct, IAccess
    {
        V z = Normalized(i, access);
        if (_isModulated)
            z = V.FusedMultiplyAdd(z, Scale(i, access), _shift == null ? _oneShift : access.Load<V, T>(_shift + i));
        return _skip == null ? z : z + access.Load<V, T>(_skip + i);
    }

    /// <summary>The gradient of n from that of the value behind the scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Back<TAccess>(nint i, V gradient, TAccess access) where TAccess : struct, IAccess =>
        _isModulated ? gradient * Scale(i, access) : gradient;
}
