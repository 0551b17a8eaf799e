using System.Runtime.CompilerServices;
using Normalization.Kernels.Plans;

namespace Normalization.Kernels;

/// <summary>Passes over the pieces of a batch, one after another: each is a batch of its own, with statistics of its own.</summary>
internal static class Pieces
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> weight,
        ReadOnlySpan<T> bias,
        double epsilon,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        Span<T> y)
        where T : unmanaged
    {
        for (int i = 0; i < plan.PieceCount; i++)
        {
            Launch.Forward(
                plan.Piece(i), Of(plan, i, x), weight, bias, epsilon, Of(plan, i, statistics), hasFixedStatistics, Of(plan, i, y));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward<T>(
        in Plan plan,
        ReadOnlySpan<T> x,
        ReadOnlySpan<T> dy,
        ReadOnlySpan<T> weight,
        Span<GroupStatistics> statistics,
        bool hasFixedStatistics,
        Span<T> dx,
        Span<T> weightGradient,
        Span<T> biasGradient)
        where T : unmanaged
    {
        for (int i = 0; i < plan.PieceCount; i++)
        {
            Launch.Backward(
                plan.Piece(i), Of(plan, i, x), Of(plan, i, dy), weight, Of(plan, i, statistics), hasFixedStatistics, Of(plan, i, dx),
                weightGradient, biasGradient);
        }
    }

    /// <summary>The statistics of one piece.</summary>
    public static Span<GroupStatistics> Of(in Plan plan, int piece, Span<GroupStatistics> statistics) =>
        plan.PieceSize == 0 ? statistics : statistics.Slice((int)(piece * plan.C), (int)plan.C);

    /// <summary>The elements of one piece; none where there are none.</summary>
    public static ReadOnlySpan<T> Of<T>(in Plan plan, int piece, ReadOnlySpan<T> elements) =>
        elements.IsEmpty ? elements : elements.Slice(piece * plan.ElementsPerPiece, (int)plan.Piece(piece).Elements);

    /// <summary>The elements of one piece; none where there are none.</summary>
    public static Span<T> Of<T>(in Plan plan, int piece, Span<T> elements) =>
        elements.IsEmpty ? elements : elements.Slice(piece * plan.ElementsPerPiece, (int)plan.Piece(piece).Elements);
}
