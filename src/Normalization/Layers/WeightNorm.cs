using System.Numerics;
using Normalization.Kernels;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization;

/// <summary>
/// Weight normalization: a weight as a direction v and a magnitude g, w = g · v / ‖v‖, with one g and one norm for each index of one
/// dimension, as PyTorch's weight_norm has them (weight_g and weight_v, or parametrizations.weight.original0 and original1).
/// </summary>
/// <remarks>
/// <para>
/// The norm of an output channel goes over all that leads to it: dimension 0 of the weights of linear layers and convolutions, which is
/// the default, and dimension 1 of those of transposed convolutions. Without a dimension there is one g for the whole weight. A v of zeros
/// gives a w of zeros and gradients of zeros; PyTorch gives NaN.
/// </para>
/// <para>
/// Nothing is allocated. The result has the same bits for any number of threads and any vector width. Salimans, Kingma: Weight
/// Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural Networks, 2016, arXiv:1602.07868.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// Tensor&lt;float&gt; v = new([3, 4, 6, 8], 2, 2), g = new([10, 1], 2), weight = new(2, 2);
/// WeightNorm.Forward(v, g, weight);                             // 6, 8 and 0.6, 0.8
/// Tensor&lt;float&gt; dv = new(2, 2), dg = new(2);
/// WeightNorm.Backward(v, g, weightGradient: weight, dv, dg);    // the gradients of Σ w² / 2: g, and zeros
/// </code>
/// </example>
public static class WeightNorm
{
    /// <summary>Computes the weight: w = g · v / ‖v‖.</summary>
    /// <param name="direction">v, of any shape.</param>
    /// <param name="magnitude">g: as many elements as the dimension has, in any shape; one without a dimension.</param>
    /// <param name="weight">Receives w, of the shape of v; may be exactly v.</param>
    /// <param name="dimension">The dimension whose indices have a norm each; null for one norm of the whole weight.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentNullException">A tensor is null.</exception>
    /// <exception cref="ArgumentException">A shape does not fit, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">v does not have this dimension.</exception>
    public static void Forward<T>(Tensor<T> direction, Tensor<T> magnitude, Tensor<T> weight, int? dimension = 0)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(direction);
        ArgumentNullException.ThrowIfNull(magnitude);
        ArgumentNullException.ThrowIfNull(weight);
        UnfoldedWeight unfolded = Describe(direction, magnitude, dimension);
        GuardShape(weight, direction, nameof(weight));
        Guard.SameOrApart<T>(weight.Span, direction.Span, nameof(weight), nameof(direction));
        Guard.Apart<T, T>(weight.Span, magnitude.Span, nameof(weight), nameof(magnitude));
        if (unfolded.Length == 0)
            return;
        using Scratch<T> scales = new(unfolded.Rows), matrix = new(unfolded.IsMatrix ? 0 : unfolded.Length);
        using Scratch<GroupStatistics> statistics = new(unfolded.Rows);
        FillScales(unfolded, magnitude.Span, scales.Span);
        if (!unfolded.IsMatrix)
            unfolded.ToMatrix(direction.Span, matrix.Span);
        Span<T> output = unfolded.IsMatrix ? weight.Span : matrix.Span;
        Launch.Forward(
            PlanOf(unfolded), unfolded.IsMatrix ? direction.Span : matrix.Span, scales.Span, default, epsilon: 0, statistics.Span,
            hasFixedStatistics: false, output);
        if (!unfolded.IsMatrix)
            unfolded.FromMatrix<T>(matrix.Span, weight.Span);
    }

    /// <summary>
    /// Adds to the gradients of v and g: dg = Σ dw · v / ‖v‖, and dv = g / ‖v‖ · (dw - dg · v / ‖v‖).
    /// </summary>
    /// <param name="direction">v, of any shape.</param>
    /// <param name="magnitude">g: as many elements as the dimension has, in any shape; one without a dimension.</param>
    /// <param name="weightGradient">The gradient of w.</param>
    /// <param name="directionGradient">Gains the gradient of v.</param>
    /// <param name="magnitudeGradient">Gains the gradient of g.</param>
    /// <param name="dimension">The dimension whose indices have a norm each; null for one norm of the whole weight.</param>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <exception cref="ArgumentNullException">A tensor is null.</exception>
    /// <exception cref="ArgumentException">A shape does not fit, or memory overlaps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">v does not have this dimension.</exception>
    public static void Backward<T>(
        Tensor<T> direction,
        Tensor<T> magnitude,
        Tensor<T> weightGradient,
        Tensor<T> directionGradient,
        Tensor<T> magnitudeGradient,
        int? dimension = 0)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(direction);
        ArgumentNullException.ThrowIfNull(magnitude);
        ArgumentNullException.ThrowIfNull(weightGradient);
        ArgumentNullException.ThrowIfNull(directionGradient);
        ArgumentNullException.ThrowIfNull(magnitudeGradient);
        UnfoldedWeight unfolded = Describe(direction, magnitude, dimension);
        GuardShape(weightGradient, direction, nameof(weightGradient));
        GuardShape(directionGradient, direction, nameof(directionGradient));
        GuardShape(magnitudeGradient, magnitude, nameof(magnitudeGradient));
        GuardWritten(directionGradient, nameof(directionGradient), direction, magnitude, weightGradient, magnitudeGradient);
        GuardWritten(magnitudeGradient, nameof(magnitudeGradient), direction, magnitude, weightGradient);
        if (unfolded.Length == 0)
            return;
        using Scratch<T> scales = new((nint)2 * unfolded.Rows), gradient = new(unfolded.Length);
        int permuted = unfolded.IsMatrix ? 0 : unfolded.Length;
        using Scratch<T> matrix = new(permuted), outputGradient = new(permuted);
        using Scratch<GroupStatistics> statistics = new(unfolded.Rows);
        Span<T> weights = scales.Span[..unfolded.Rows], sums = scales.Span[unfolded.Rows..], x = direction.Span, dy = weightGradient.Span;
        FillScales(unfolded, magnitude.Span, weights);
        sums.Clear();
        if (!unfolded.IsMatrix)
        {
            unfolded.ToMatrix<T>(x, matrix.Span);
            unfolded.ToMatrix<T>(dy, outputGradient.Span);
            x = matrix.Span;
            dy = outputGradient.Span;
        }
        Plan plan = PlanOf(unfolded);
        Launch.Moments<T>(plan, x, statistics.Span);
        Launch.Backward<T>(plan, x, dy, weights, statistics.Span, hasFixedStatistics: false, gradient.Span, sums, default);
        if (!unfolded.IsMatrix)
            unfolded.FromMatrix<T>(gradient.Span, matrix.Span);
        Add(directionGradient.Span, unfolded.IsMatrix ? gradient.Span : matrix.Span, 1);
        Add(magnitudeGradient.Span, sums, 1 / Math.Sqrt(unfolded.Columns));
    }

    /// <summary>Each row is an own channel, normalized by its root mean square, which is ‖v‖ / √columns.</summary>
    private static Plan PlanOf(in UnfoldedWeight unfolded) =>
        Plan.ChannelGroups(1, unfolded.Rows, unfolded.Columns, unfolded.Rows) with { IsCentered = false };

    /// <summary>g / √columns: what v over its root mean square is multiplied by.</summary>
    private static void FillScales<T>(in UnfoldedWeight unfolded, ReadOnlySpan<T> magnitude, Span<T> scales)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double root = Math.Sqrt(unfolded.Columns);
        for (int i = 0; i < scales.Length; i++)
            scales[i] = Element.FromDouble<T>(Element.ToDouble(magnitude[i]) / root);
    }

    private static void Add<T>(Span<T> gradient, ReadOnlySpan<T> terms, double scale)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < gradient.Length; i++)
            gradient[i] = Element.FromDouble<T>(Element.ToDouble(gradient[i]) + (Element.ToDouble(terms[i]) * scale));
    }

    private static UnfoldedWeight Describe<T>(Tensor<T> direction, Tensor<T> magnitude, int? dimension)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var unfolded = UnfoldedWeight.Of(direction.Shape, dimension);
        Guard.Length<T>(magnitude.Span, unfolded.Rows, nameof(magnitude), "one element for each norm");
        return unfolded;
    }

    private static void GuardShape<T>(Tensor<T> tensor, Tensor<T> expected, string name)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!tensor.Shape.SequenceEqual(expected.Shape))
            throw new ArgumentException($"expected {name} {Shape.Format(expected.Shape)}, got {Shape.Format(tensor.Shape)}", name);
    }

    private static void GuardWritten<T>(Tensor<T> written, string name, params ReadOnlySpan<Tensor<T>> others)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (Tensor<T> other in others)
            Guard.Apart<T, T>(written.Span, other.Span, name, "another argument");
    }
}
