using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Normalization.Training.Learning;
using Normalization.Training.Networks;

namespace Normalization.Tests.Training;

/// <summary>The training program's own arithmetic.</summary>
public sealed class ReproducibleTrainingTests
{
    private const string Expected = "56F3FBB14FD7D479";

    [Fact]
    public void A_step_leaves_frozen_parameters_as_they_are()
    {
        var frozen = new Parameter<float>("frozen", Tensor<float>.Full([2, 2], 1)) { RequiresGradient = false };
        var learned = new Parameter<float>("learned", Tensor<float>.Full([2, 2], 1));
        new MomentumDescent([frozen, learned], learningRate: 0.1, momentum: 0.9, weightDecay: 0.5).Step();
        frozen.Value.Span.ToArray().Should().OnlyContain(static x => x == 1);
        learned.Value.Span.ToArray().Should().OnlyContain(static x => x < 1);
    }

    [Fact]
    public void Products_and_functions_give_the_same_bits_at_every_vector_width() => Hash().Should().Be(Expected);

    [Theory]
    [InlineData(5, 700, 23)]
    [InlineData(1, 1, 1)]
    [InlineData(4, 16, 16)]
    [InlineData(9, 1100, 17)]
    public void A_product_is_what_its_definition_says(int rows, int inner, int columns)
    {
        Tensor<float> a = Tensor<float>.RandomNormal([rows, inner], seed: 1), b = Tensor<float>.RandomNormal([inner, columns], seed: 2);
        Tensor<float> turnedA = Transposed(a), turnedB = Transposed(b);
        Tensor<float> plain = new(rows, columns), left = new(rows, columns), right = Tensor<float>.Full([rows, columns], 1);
        MatrixProduct.Multiply(a, b, plain, rows, inner, columns);
        MatrixProduct.Multiply(turnedA, b, left, rows, inner, columns, transposeA: true);
        MatrixProduct.MultiplyByTransposed(a, turnedB, right, rows, inner, columns, add: true);
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                double exact = Enumerable.Range(0, inner).Sum(k => (double)a[i, k] * b[k, j]);
                plain[i, j].Should().BeApproximately((float)exact, 1e-3f);
                left[i, j].Should().Be(plain[i, j]);
                right[i, j].Should().BeApproximately((float)exact + 1, 1e-3f);
            }
        }
    }

    [Fact]
    public void Elementary_functions_are_near_those_of_the_runtime_and_pass_on_what_is_no_number()
    {
        float[] x = [.. Enumerable.Range(-860, 1740).Select(static i => i / 10f), 0, -0f, 1e-8f, -200, 200];
        float[] y = new float[x.Length];
        Elementary.Exp(x, y);
        for (int i = 0; i < x.Length; i++)
        {
            ((double)y[i]).Should()
                .BeApproximately(Math.Exp(Math.Clamp(x[i], -87f, 88f)), 3e-7 * Math.Exp(Math.Clamp(x[i], -87f, 88f)), "of {0}", x[i]);
        }

        Elementary.Tanh(x, y);
        for (int i = 0; i < x.Length; i++)
            y[i].Should().BeApproximately(MathF.Tanh(x[i]), 2e-7f);

        Elementary.Sigmoid([float.NaN, 0], y);
        y[0].Should().Be(float.NaN);
        y[1].Should().Be(0.5f);
        Elementary.Sum([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).Should().Be(55);
    }

    /// <summary>A hash over the results of every product and function, of numbers that no other code makes.</summary>
    private static string Hash()
    {
        const int Rows = 7, Inner = 600, Columns = 21;
        Tensor<float> a = Numbers(Rows, Inner), b = Numbers(Inner, Columns), turned = Numbers(Columns, Inner), left = Numbers(Inner, Rows);
        Tensor<float> c = new(Rows, Columns);
        float[] x = Numbers(1, 83).Span.ToArray(), y = new float[x.Length];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        MatrixProduct.Multiply(a, b, c, Rows, Inner, Columns);
        Add(c.Span);
        MatrixProduct.MultiplyByTransposed(a, turned, c, Rows, Inner, Columns, add: true);
        Add(c.Span);
        MatrixProduct.Multiply(left, b, c, Rows, Inner, Columns, transposeA: true);
        Add(c.Span);
        Elementary.Exp(x, y);
        Add(y);
        Elementary.Sigmoid(x, y);
        Add(y);
        Elementary.Tanh(x, y);
        Add(y);
        Add([Elementary.Sum(x)]);
        return Convert.ToHexString(hash.GetHashAndReset())[..16];

        void Add(ReadOnlySpan<float> values) => hash.AppendData(MemoryMarshal.AsBytes(values));
    }

    /// <summary>Numbers between -8 and 8 from a congruential generator.</summary>
    private static Tensor<float> Numbers(int rows, int columns)
    {
        Tensor<float> result = new(rows, columns);
        uint state = (uint)(rows * 31 + columns);
        foreach (ref float value in result.Span)
        {
            state = state * 1664525 + 1013904223;
            value = (int)(state >> 8) / 1048576f - 8;
        }

        return result;
    }

    private static Tensor<float> Transposed(Tensor<float> matrix)
    {
        Tensor<float> result = new(matrix.Shape[1], matrix.Shape[0]);
        for (int i = 0; i < matrix.Shape[0]; i++)
        {
            for (int j = 0; j < matrix.Shape[1]; j++)
                result[j, i] = matrix[i, j];
        }

        return result;
    }
}
