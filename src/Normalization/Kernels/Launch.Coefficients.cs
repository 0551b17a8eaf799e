using Normalization.Kernels.Machine;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <content>What a kernel takes as weights and biases.</content>
internal static unsafe partial class Launch
{
    /// <summary>
    /// The weights in the form that the kernel needs: as given, repeated for each element, or ones where only a bias is given.
    /// </summary>
    internal readonly ref struct Coefficients<T> : IDisposable where T : unmanaged
    {
        private readonly int _repetition;
        private readonly Scratch<T> _scratch;
        private readonly Scratch<double> _gradients;

        /// <summary>Chooses the kernel, and makes what it needs. Modulated rows need no weights.</summary>
        public Coefficients(
            in Plan plan, Direction direction, bool hasFixedStatistics, ReadOnlySpan<T> weight, ReadOnlySpan<T> bias, out Route route,
            bool isModulated = false)
        {
            bool hasGradients = direction == Direction.Backward, hasAny = !(weight.IsEmpty && bias.IsEmpty);
            if (hasGradients || hasAny || isModulated)
                Dispatch.Choose(plan, direction, hasFixedStatistics, out route);
            else
                Dispatch.Choose(plan with { Coefficients = CoefficientSharing.None }, direction, hasFixedStatistics, out route);
            _repetition = (int)route.Repetition;
            Weight = weight;
            Bias = bias;
            if (!route.HasElementwiseWeights || (_repetition == 1 && !weight.IsEmpty) || (isModulated && !hasAny))
                return;
            int length = checked(plan.Parameters * _repetition);
            _scratch = new Scratch<T>((nint)2 * length);
            Weight = Expand(_scratch.Span[..length], weight, 1);
            Bias = bias.IsEmpty ? bias : Expand(_scratch.Span.Slice(length, length), bias, 0);
            if (_repetition > 1 && hasGradients)
            {
                _gradients = new Scratch<double>((nint)2 * length);
                ExpandedGradients = _gradients.Span;
                ExpandedGradients.Clear();
            }
        }

        public ReadOnlySpan<T> Weight { get; }

        public ReadOnlySpan<T> Bias { get; }

        /// <summary>
        /// The gradients of the repeated weights, then those of the repeated biases. They are doubles, because they are added once more.
        /// </summary>
        public Span<double> ExpandedGradients { get; }

        public void AddGradients(Span<T> weightGradient, Span<T> biasGradient)
        {
            if (ExpandedGradients.IsEmpty)
                return;
            int length = ExpandedGradients.Length / 2;
            AddRepetitions(ExpandedGradients[..length], _repetition, weightGradient);
            AddRepetitions(ExpandedGradients[length..], _repetition, biasGradient);
        }

        public void Dispose()
        {
            _scratch.Dispose();
            _gradients.Dispose();
        }

        private Span<T> Expand(Span<T> destination, ReadOnlySpan<T> source, double missing)
        {
            if (source.IsEmpty)
                destination.Fill(Element.FromDouble<T>(missing));
            return Repeat(source, _repetition, destination);
        }
    }
}
