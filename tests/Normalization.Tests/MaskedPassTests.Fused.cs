namespace Normalization.Tests;

/// <content>A pass with every term.</content>
public sealed partial class MaskedPassTests
{
    /// <summary>A pass with every term.</summary>
    private sealed class Fused
    {
        private readonly Case _item;
        private readonly bool _isModulated;
        private readonly Tensor<double> _skip;
        private readonly Tensor<double> _residual;
        private readonly Tensor<double> _scale;
        private readonly Tensor<double> _shift;
        private readonly Tensor<double> _skipGradient;
        private readonly Tensor<double> _scaleGradient;
        private readonly Tensor<double> _shiftGradient;

        public Fused(Case item, Telling telling, bool garbage = true, bool isModulated = true)
        {
            (_item, _isModulated) = (item, isModulated);
            Masked = new(item, telling, garbage: garbage);
            _skip = Sample<double>.Normal(item.Shape, 11, 0, 1);
            _residual = Sample<double>.Normal(item.Shape, 12, 0, 1);
            _scale = isModulated ? Sample<double>.Normal([item.N, item.C], 13, 0, 1) : new(item.N, item.C);
            _shift = isModulated ? Sample<double>.Normal([item.N, item.C], 14, 0, 1) : new(item.N, item.C);
            SumGradient = Sample<double>.Normal(item.Shape, 15, 0, 1);
            for (int i = 0; i < item.Length && garbage; i++)
                _skip.Span[i] = Masked.IsValid(i) ? _skip.Span[i] : double.NaN;
            (Sum, _skipGradient, _scaleGradient, _shiftGradient) = (new(item.Shape), new(item.Shape), new(item.N, item.C), new(item.N, item.C));
        }

        public MaskedSample<double> Masked { get; }

        public Tensor<double> Sum { get; }

        public Tensor<double> SumGradient { get; }

        public (Tensor<double> Value, Tensor<double> Gradient, int Seed)[] Variables =>
        [
            (Masked.Sample.Input, Masked.Sample.InputGradient, 21), (_residual, Masked.Sample.InputGradient, 22), (_skip, _skipGradient, 23),
            (_scale, _scaleGradient, 24), (_shift, _shiftGradient, 25),
        ];

        public void Forward(bool isTraining)
        {
            Masked.Sample.Layer.Train(isTraining);
            Masked.Sample.Layer.Forward(Masked.Sample.Input, Masked.Sample.Output, Options());
        }

        public void Run(bool isTraining)
        {
            Forward(isTraining);
            Masked.Sample.Layer.Backward(Masked.Sample.OutputGradient, Masked.Sample.InputGradient, new BackwardOptions<double>
            {
                Context = Masked.Sample.Context,
                SumGradient = SumGradient,
                SkipGradient = _skipGradient,
                ScaleGradient = _isModulated ? _scaleGradient : null,
                ShiftGradient = _isModulated ? _shiftGradient : null,
            });
        }

        /// <summary>The bits of everything but the sum, which has garbage.</summary>
        public long[] Bits() =>
        [
            .. Masked.Sample.Bits(), .. Values.Bits(_skipGradient), .. Values.Bits(_scaleGradient), .. Values.Bits(_shiftGradient),
        ];

        /// <summary>How far the output lies from the steps one after another.</summary>
        public double Composed(bool isTraining)
        {
            MaskedSample<double> plain = new(_item with { Activation = Activation.None }, Telling.Weights);
            plain.Sample.Layer.Train(isTraining);
            double[] z = new double[_item.Length], y = new double[z.Length], slope = new double[z.Length];
            plain.Sample.Layer.Forward(Sum, plain.Sample.Output, new ForwardOptions<double> { Context = plain.Sample.Context, Weights = Masked.Weights });
            for (int i = 0; i < z.Length; i++)
            {
                int at = i / _item.S;
                z[i] = Masked.IsValid(i) ? (plain.Sample.Output.Span[i] * (1 + _scale.Span[at])) + _shift.Span[at] + _skip.Span[i] : 0;
            }
            ActivationValues.Run<double>(_item.Activation, z, new double[z.Length], y, slope);
            for (int i = 0; i < z.Length; i++)
                y[i] = Masked.IsValid(i) ? y[i] : 0;
            return Values.Distance(Values.Doubles(Masked.Sample.Output), y);
        }

        private ForwardOptions<double> Options() => Masked.Tell(new()
        {
            Context = Masked.Sample.Context,
            Residual = _residual,
            Sum = Sum,
            Skip = _skip,
            Scale = _isModulated ? _scale : null,
            Shift = _isModulated ? _shift : null,
        });
    }
}
