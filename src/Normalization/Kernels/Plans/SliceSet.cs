using System.Runtime.CompilerServices;
using Normalization.Kernels.Machine;

namespace Normalization.Kernels.Plans;

/// <summary>
/// Contiguous slices of one length, one stride apart. Their size alone says how they are cut into segments. The sums of a set are those
/// of its segments added in order, so they do not depend on which thread computed which segment.
/// </summary>
internal readonly struct SliceSet
{
    private readonly nint _piecesPerSlice;
    private readonly nint _slicesPerSegment;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public SliceSet(nint slices, nint length, nint stride)
    {
        (Slices, Length, Stride) = (slices, length, stride);
        (_piecesPerSlice, _slicesPerSegment, Segments) = (1, slices, 1);
        if (length > Thresholds.SegmentLength)
        {
            _piecesPerSlice = (length + Thresholds.SegmentLength - 1) / Thresholds.SegmentLength;
            Segments = slices * _piecesPerSlice;
        }
        else if (Elements > Thresholds.SegmentLength)
        {
            _slicesPerSegment = Thresholds.SegmentLength / length;
            Segments = (slices + _slicesPerSegment - 1) / _slicesPerSegment;
        }
    }

    public nint Slices { get; }

    public nint Length { get; }

    public nint Stride { get; }

    public nint Segments { get; }

    public nint Elements => Slices * Length;

    public Segment this[nint index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Segments == 1 ? new(0, Slices, Length) : Cut(index);
    }

    private Segment Cut(nint index)
    {
        if (_piecesPerSlice > 1)
        {
            (nint slice, nint piece) = (index / _piecesPerSlice, index % _piecesPerSlice);
            nint start = piece * Thresholds.SegmentLength;
            return new((slice * Stride) + start, 1, Math.Min(Thresholds.SegmentLength, Length - start));
        }
        nint first = index * _slicesPerSegment;
        return new(first * Stride, Math.Min(_slicesPerSegment, Slices - first), Length);
    }
}

/// <summary>A part of a <see cref="SliceSet"/>, with the same stride.</summary>
internal readonly record struct Segment(nint Offset, nint Slices, nint Length);
