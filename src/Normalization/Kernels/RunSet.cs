namespace Normalization.Kernels;

/// <summary>
/// Contiguous runs of one length, <paramref name="stride"/> elements apart, cut into segments by their size alone: the sums of
/// a set are those of its segments added in order, whichever thread took which.
/// </summary>
internal readonly struct RunSet(nint runs, nint length, nint stride)
{
    private const nint SegmentLength = 8192;

    public nint Runs { get; } = runs;

    public nint Length { get; } = length;

    public nint Stride { get; } = stride;

    public nint Elements => Runs * Length;

    private nint PiecesPerRun => (Length + SegmentLength - 1) / SegmentLength;

    private nint RunsPerSegment => Math.Max(1, SegmentLength / Length);

    public nint Segments =>
        Length > SegmentLength ? Runs * PiecesPerRun : (Runs + RunsPerSegment - 1) / RunsPerSegment;

    public Segment this[nint index]
    {
        get
        {
            if (Length > SegmentLength)
            {
                (nint run, nint piece) = (index / PiecesPerRun, index % PiecesPerRun);
                nint start = piece * SegmentLength;
                return new((run * Stride) + start, 1, Math.Min(SegmentLength, Length - start));
            }
            nint first = index * RunsPerSegment;
            return new(first * Stride, Math.Min(RunsPerSegment, Runs - first), Length);
        }
    }
}

/// <summary>A part of a <see cref="RunSet"/>, with the same stride.</summary>
internal readonly record struct Segment(nint Offset, nint Runs, nint Length);
