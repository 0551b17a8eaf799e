using System.Runtime.CompilerServices;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Machine;

namespace Normalization.Kernels.Families;

/// <summary>
/// The channels at each position of [n, c, s] as rows: a thread turns some neighboring positions at a time in memory of its own, so that
/// they stay in its caches until their results are turned back.
/// </summary>
internal readonly unsafe struct TurnedRows<T>(nint channels, nint positions) where T : unmanaged
{
    private readonly nint _channels = channels;
    private readonly nint _positions = positions;

    /// <summary>How many rows are turned at a time.</summary>
    public nint Count
    {
        get
        {
            nint most = Thresholds.TurnedBytes / (_channels * sizeof(T));
            return Math.Max(Turning.Band, most - (most % Turning.Band));
        }
    }

    /// <summary>How many doubles they take.</summary>
    public nint Room => (Count * _channels * sizeof(T) / sizeof(double)) + 1;

    /// <summary>The rows from first to last become neighbors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Read(T* elements, nint first, nint last, T* rows)
    {
        for (nint row = first, end; row < last; rows += (end - row) * _channels, row = end)
        {
            end = Math.Min(last, row + _positions - (row % _positions));
            Turning.Run<T, Off>(elements + OffsetOf(row), _positions, rows, _channels, _channels, end - row);
        }
    }

    /// <summary>The rows from first to last go back to where they belong.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public void Write(T* rows, nint first, nint last, T* elements)
    {
        for (nint row = first, end; row < last; rows += (end - row) * _channels, row = end)
        {
            end = Math.Min(last, row + _positions - (row % _positions));
            Turning.Run<T, On>(rows, _channels, elements + OffsetOf(row), _positions, end - row, _channels);
        }
    }

    private nint OffsetOf(nint row) => (row / _positions * _channels * _positions) + (row % _positions);
}
