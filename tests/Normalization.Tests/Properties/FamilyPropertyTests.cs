using FsCheck;
using FsCheck.Fluent;

namespace Normalization.Tests;

/// <summary>Laws of the rest of the family, for every shape and every option that is drawn.</summary>
public sealed class FamilyPropertyTests
{
    private static readonly Gen<(int N, int C, int S)> _shapes =
        from n in Gen.Choose(1, 4) from c in Gen.Choose(1, 40) from s in Gen.Choose(1, 70) select (n, c, s);

    private static readonly Gen<LocalResponse> _responses =
        from size in Gen.Choose(1, 12)
        from alpha in Gen.Elements(1e-4, 0.3, 5)
        from beta in Gen.Elements(0.75, 0.5, 1, 0.6, 1.7)
        from k in Gen.Elements(1, 2, 1e-3)
        from window in Gen.Elements(EvenWindow.MoreBefore, EvenWindow.MoreAfter)
        select new LocalResponse(size, alpha, beta, k, window);

    [Fact]
    public void Every_local_response_gives_the_formula() => Property.Holds(
        from shape in _shapes from response in _responses select (shape, response),
        static drawn =>
        {
            (int n, int c, int s) = drawn.shape;
            Tensor<float> x = Tensor<float>.RandomNormal([n, c, s], seed: c), dy = Tensor<float>.RandomNormal([n, c, s], seed: s);
            LocalResponseNorm<float> layer = drawn.response.Layer<float>();
            double[] y = Values.Doubles(layer.Forward(x)), expected = drawn.response.Forward(Values.Doubles(x), n, c, s);
            double[] dx = Values.Doubles(layer.Backward(dy));
            (double[] gradient, double[] scale) = drawn.response.Backward(Values.Doubles(x), Values.Doubles(dy), c, s);
            return Values.Distance(y, expected, i => Math.Abs(expected[i])) < 6 * Math.Pow(2, -23)
                && Values.Distance(dx, gradient, i => scale[i]) < 6 * Math.Pow(2, -23);
        },
        300);

    [Fact]
    public void A_local_response_never_grows_and_keeps_its_signs() => Property.Holds(
        from shape in _shapes from response in _responses select (shape, response with { K = 1 }),
        static drawn =>
        {
            var x = Tensor<float>.RandomNormal([drawn.shape.N, drawn.shape.C, drawn.shape.S], seed: 3);
            Tensor<float> y = drawn.Item2.Layer<float>().Forward(x);
            return Enumerable.Range(0, x.Length).All(i => Math.Abs(y.Span[i]) <= Math.Abs(x.Span[i]) && MathF.Sign(y.Span[i]) == MathF.Sign(x.Span[i]));
        });

    [Fact]
    public void The_inverse_of_an_instance_norm_undoes_it() => Property.Holds(
        from shape in _shapes from affine in Gen.Elements(true, false) select (shape, affine),
        static drawn =>
        {
            (int n, int c, int s) = drawn.shape;
            var layer = new InstanceNorm<double>(c, affine: drawn.affine);
            layer.Weight?.Value.Fill(-0.7);
            layer.Bias?.Value.Fill(3);
            var x = Tensor<double>.RandomNormal([n, c, s + 1], seed: s, mean: c);
            Tensor<double> y = new(x.Shape);
            var context = new ForwardContext<double>();
            layer.Forward(x, y, context);
            return Values.Distance(layer.Invert(y, context).Span, x.Span) < 1e-13;
        });

    [Fact]
    public void A_renormalized_batch_gives_the_gradients_of_BatchNorm_with_its_coefficients() => Property.Holds(
        _shapes,
        static shape =>
        {
            (int n, int c, int s) = (shape.N + 1, shape.C, shape.S);
            var renorm = new BatchRenorm<double>(c, momentum: 0) { WarmUpStart = 0, MaxScaleBatches = 0, MaxShiftBatches = 0 };
            var plain = new BatchNorm1d<double>(c);
            Tensor<double> x = Tensor<double>.RandomNormal([n, c, s], seed: s, mean: 0.4), dy = Tensor<double>.RandomNormal([n, c, s], seed: 1000);
            var context = new ForwardContext<double>();
            plain.Forward(x, new(x.Shape), context);
            for (int i = 0; i < c; i++)
            {
                plain.Weight!.Value.Span[i] = Math.Clamp(1 / context.GetInverseStandardDeviation(i) / Math.Sqrt(1 + 1e-5), 1.0 / 3, 3);
                plain.Bias!.Value.Span[i] = Math.Clamp(context.GetMean(i) / Math.Sqrt(1 + 1e-5), -5, 5);
            }
            return Values.Distance(renorm.Forward(x).Span, plain.Forward(x).Span) < 1e-13
                && Values.Distance(renorm.Backward(dy).Span, plain.Backward(dy).Span) < 1e-13;
        });

    [Fact]
    public void The_rows_of_a_weight_norm_have_the_norms_that_it_is_given() => Property.Holds(
        _shapes,
        static shape =>
        {
            var v = Tensor<double>.RandomNormal([shape.C, shape.N, shape.S], seed: 1);
            Tensor<double> g = Tensor<double>.RandomNormal([shape.C], seed: 2), weight = new(v.Shape);
            WeightNorm.Forward(v, g, weight);
            int width = shape.N * shape.S;
            return Enumerable.Range(0, shape.C).All(row =>
            {
                double squares = 0;
                foreach (double element in weight.Span.Slice(row * width, width))
                    squares += element * element;
                return Math.Abs(Math.Sqrt(squares) - Math.Abs(g.Span[row])) <= 1e-13 * Math.Abs(g.Span[row]);
            });
        });

    [Fact]
    public void A_spectral_weight_gets_the_largest_singular_value_1_from_below() => Property.Holds(
        from rows in Gen.Choose(1, 12) from columns in Gen.Choose(1, 12) select (rows, columns),
        static drawn =>
        {
            var original = Tensor<double>.RandomNormal([drawn.rows, drawn.columns], seed: drawn.rows);
            Tensor<double> weight = new(original.Shape);
            var norm = new SpectralNorm<double>(original.Shape, powerIterations: 500);
            norm.Forward(original, weight);
            double largest = MathNet.Numerics.LinearAlgebra.Matrix<double>.Build
                .DenseOfRowMajor(drawn.rows, drawn.columns, weight.Span.ToArray()).L2Norm();
            return largest >= 1 - 1e-12 && largest < 1.01;
        });
}
