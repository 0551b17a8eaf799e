using System.Runtime.CompilerServices;

namespace Normalization.Kernels;

/// <summary>
/// Contiguous runs of one length, one stride apart, cut into segments by their size alone: the sums of
/// a set are those of its segments added in order, whichever thread took which.
/// </summary>
internal readonly struct RunSet
{
    private readonly nint _piecesPerRun;
    private readonly nint _runsPerSegment;

    public RunSet(nint runs, nint length, nint stride)
    {
        (Runs, Length, Stride) = (runs, length, stride);
        (_piecesPerRun, _runsPerSegment, Segments) = (1, runs, 1);
        if (length > Thresholds.SegmentLength)
        {
            _piecesPerRun = (length + Thresholds.SegmentLength - 1) / Thresholds.SegmentLength;
            Segments = runs * _piecesPerRun;
        }
        else if (Elements > Thresholds.SegmentLength)
        {
            _runsPerSegment = Thresholds.SegmentLength / length;
            Segments = (runs + _runsPerSegment - 1) / _runsPerSegment;
        }
    }

    public nint Runs { get; }

    public nint Length { get; }

    public nint Stride { get; }

    public nint Segments { get; }

    public nint Elements => Runs * Length;

    public Segment this[nint index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Segments == 1 ? new(0, Runs, Length) : Cut(index);
    }

    private Segment Cut(nint index)
    {
        if (_piecesPerRun > 1)
        {
            (nint run, nint piece) = (index / _piecesPerRun, index % _piecesPerRun);
            nint start = piece * Thresholds.SegmentLength;
            return new((run * Stride) + start, 1, Math.Min(Thresholds.SegmentLength, Length - start));
        }
        nint first = index * _runsPerSegment;
        return new(first * Stride, Math.Min(_runsPerSegment, Runs - first), Length);
    }
}

/// <summary>A part of a <see cref="RunSet"/>, with the same stride.</summary>
internal readonly record struct Segment(nint Offset, nint Runs, nint Length);
