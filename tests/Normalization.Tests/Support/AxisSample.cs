using System.Numerics;

namespace Normalization.Tests;

/// <summary>
/// A pass on a tensor with its channels where a layer has them by default, or the same pass on the transposed tensor. What comes out is
/// in the order of the first.
/// </summary>
internal sealed class AxisSample<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly bool _isMoved;
    private readonly int _first;
    private readonly Sample<T> _sample;
    private readonly Terms _terms;
    private readonly Tensor<T>? _scale;
    private readonly Tensor<T>? _shift;
    private readonly Tensor<T> _output;
    private readonly Tensor<T> _inputGradient;
    private readonly Tensor<T>? _sum;
    private readonly Tensor<T>? _skipGradient;
    private readonly Tensor<T>? _scaleGradient;
    private readonly Tensor<T>? _shiftGradient;

    public AxisSample(Case item, bool isMoved, Terms terms = Terms.None, double mean = 0.5, double scale = 2)
    {
        (_isMoved, _terms, _first) = (isMoved, terms, item.IsUnbatched ? 0 : 1);
        Case = isMoved ? item with { Axis = item.IsRows ? ChannelAxis.First : ChannelAxis.Last } : item;
        _sample = new(Case, mean, scale);
        Input = Move(_sample.Input);
        (_output, _inputGradient) = (Like(Input), Like(Input));
        int[] coefficients = [item.IsUnbatched ? 1 : item.Shape[0], item.IsRows ? item.S : item.C];
        (_scale, _shift) = (Of(Terms.Scale, coefficients, 13), Of(Terms.Shift, coefficients, 14));
        (_scaleGradient, _shiftGradient) = (_scale?.Clone(), _shift?.Clone());
        _sum = terms.HasFlag(Terms.Residual) ? Like(Input) : null;
        _skipGradient = terms.HasFlag(Terms.Skip) ? Like(Input) : null;
    }

    public Case Case { get; }

    public NormalizationLayer<T> Layer => _sample.Layer;

    public Tensor<T> Input { get; }

    public RunningStatisticsLayer<T>? Running => _sample.Running;

    public AxisSample<T> Run(bool isTraining = true)
    {
        var context = new ForwardContext<T>();
        int[] shape = Case.Shape;
        Layer.Train(isTraining);
        Layer.Forward(Input, _output, new ForwardOptions<T>
        {
            Context = context,
            Residual = Moved(Terms.Residual, shape, 11),
            Sum = _sum,
            Skip = Moved(Terms.Skip, shape, 12),
            Scale = _scale,
            Shift = _shift,
        });
        Layer.Backward(Move(_sample.OutputGradient), _inputGradient, new BackwardOptions<T>
        {
            Context = context,
            SumGradient = Moved(Terms.Residual, shape, 15),
            SkipGradient = _skipGradient,
            ScaleGradient = _scaleGradient,
            ShiftGradient = _shiftGradient,
        });
        Statistics = [.. Enumerable.Range(0, context.GroupCount).SelectMany(i => (double[])[context.GetMean(i), context.GetInverseStandardDeviation(i)])];
        return this;
    }

    /// <summary>The mean and the inverse deviation of each group, in turn.</summary>
    public double[] Statistics { get; private set; } = [];

    /// <summary>All that a pass has written, by name.</summary>
    public (string Name, double[] Values)[] Written() =>
    [
        ("output", Back(_output)), ("inputGradient", Back(_inputGradient)), ("sum", Back(_sum)), ("skipGradient", Back(_skipGradient)),
        ("scaleGradient", Values.Doubles(_scaleGradient)), ("shiftGradient", Values.Doubles(_shiftGradient)),
        ("weightGradient", Values.Doubles(Layer.Weight?.Gradient)), ("biasGradient", Values.Doubles(Layer.Bias?.Gradient)),
        ("runningMean", Values.Doubles(Running?.RunningMean)), ("runningVariance", Values.Doubles(Running?.RunningVariance)),
        ("statistics", Statistics),
    ];

    /// <summary>How far all of it lies from what another pass has written, at most.</summary>
    public double DistanceTo(AxisSample<T> other) =>
        Written().Zip(other.Written(), static (mine, its) => Values.Distance(mine.Values, its.Values, floor: 1e-3)).Max();

    public long[] Bits() => [.. Written().SelectMany(static item => item.Values).Select(BitConverter.DoubleToInt64Bits)];

    /// <summary>The channels of a tensor in their other place: behind the samples become last, and last become behind the samples.</summary>
    public static Tensor<T> Transpose(Tensor<T> tensor, int first, bool toLast)
    {
        int[] shape = tensor.Shape.ToArray();
        int channels = shape[toLast ? first : ^1], samples = 1;
        foreach (int size in shape.AsSpan(0, first))
            samples *= size;
        int positions = tensor.Length / Math.Max(1, samples * channels);
        int[] rest = toLast ? shape[(first + 1)..] : shape[first..^1];
        Tensor<T> result = Sample<T>.Padded(toLast ? [.. shape[..first], .. rest, channels] : [.. shape[..first], channels, .. rest]);
        (int rows, int columns) = toLast ? (channels, positions) : (positions, channels);
        for (int i = 0; i < tensor.Length; i++)
        {
            (int sample, int row, int column) = (i / (rows * columns), i / columns % rows, i % columns);
            result.Span[(sample * rows * columns) + (column * rows) + row] = tensor.Span[i];
        }
        return result;
    }

    private Tensor<T> Move(Tensor<T> tensor) => _isMoved ? Transpose(tensor, _first, toLast: !Case.IsRows) : tensor;

    private double[] Back(Tensor<T>? tensor) =>
        tensor is null ? [] : Values.Doubles(_isMoved ? Transpose(tensor, _first, toLast: Case.IsRows) : tensor);

    private static Tensor<T> Like(Tensor<T> tensor) => Sample<T>.Padded(tensor.Shape.ToArray());

    private Tensor<T>? Of(Terms term, int[] shape, int seed) => _terms.HasFlag(term) ? Sample<T>.Normal(shape, seed, 0.1, 0.7) : null;

    private Tensor<T>? Moved(Terms term, int[] shape, int seed) => Of(term, shape, seed) is Tensor<T> tensor ? Move(tensor) : null;
}
