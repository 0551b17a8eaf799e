using System.Numerics;
using System.Numerics.Tensors;
using MathNet.Numerics.LinearAlgebra;

namespace Normalization.MathNet;

/// <summary>
/// A normalization layer on matrices of Math.NET Numerics: N samples in rows, C features in columns, as the product X · W has them.
/// </summary>
/// <remarks>
/// <para>
/// <see cref="BatchNorm1d{T}"/> takes its statistics down each column. A column is one stretch of memory in a dense matrix, so it works
/// on the memory of the matrices without a copy. <see cref="LayerNorm{T}"/>, <see cref="RmsNorm{T}"/> and <see cref="GroupNorm{T}"/> take
/// theirs along each row, whose elements lie N apart: their samples are copied to pooled memory, one after another, and the results are
/// copied back. Neither allocates in steady state, except for the overloads that return a matrix.
/// </para>
/// <para>
/// Modes, parameters, running statistics and states are those of <see cref="Layer"/>. In training mode a forward pass is remembered for
/// <see cref="Backward(Matrix{T})"/>, with its input by reference: leave the input alone until then. In evaluation mode nothing is
/// remembered, and any number of threads may use the layer at once. Gradients of parameters are added up, the gradient of the input is
/// overwritten, and a call that throws has changed nothing.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// Matrix&lt;float> x = Matrix&lt;float>.Build.Random(32, 8), w = Matrix&lt;float>.Build.Random(8, 64);
/// var norm = new MatrixLayer&lt;float>(new BatchNorm1d&lt;float>(64));
/// Matrix&lt;float> hidden = norm.Forward(x * w);
/// Matrix&lt;float> productGradient = norm.Backward(hidden);
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class MatrixLayer<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly MatrixContext<T> _remembered = new();
    private readonly bool _runsDownColumns;

    /// <summary>Makes a layer usable on matrices.</summary>
    /// <param name="layer">A BatchNorm1d, a GroupNorm, or a LayerNorm or RmsNorm over one dimension.</param>
    /// <exception cref="ArgumentNullException"><paramref name="layer"/> is null.</exception>
    /// <exception cref="ArgumentException">The layer has no meaning on matrices; the message says why.</exception>
    public MatrixLayer(NormalizationLayer<T> layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        Layer = layer;
        _runsDownColumns = layer is BatchNorm1d<T>;
        ColumnCount = layer switch
        {
            BatchNorm1d<T> norm => norm.NumFeatures,
            GroupNorm<T> norm => norm.NumChannels,
            LayerNorm<T> { NormalizedShape: [int width] } => width,
            RmsNorm<T> { NormalizedShape: [int width] } => width,
            _ => throw Refused(layer),
        };
    }

    /// <summary>Gets the layer, with its mode, its parameters and its running statistics.</summary>
    public NormalizationLayer<T> Layer { get; }

    /// <summary>Gets C, the number of columns that a matrix has to have.</summary>
    public int ColumnCount { get; }

    /// <summary>Normalizes a matrix into a new one.</summary>
    /// <param name="input">A dense matrix of N rows and <see cref="ColumnCount"/> columns.</param>
    /// <returns>The output, a new matrix of the same size.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="input"/> is null.</exception>
    /// <exception cref="ArgumentException">The size does not fit, the storage is not dense, or BatchNorm trains with one row.</exception>
    public Matrix<T> Forward(Matrix<T> input)
    {
        GuardInput(input);
        Matrix<T> output = Matrix<T>.Build.Dense(input.RowCount, input.ColumnCount);
        Forward(input, output);
        return output;
    }

    /// <summary>Normalizes a matrix into another one.</summary>
    /// <param name="input">A dense matrix of N rows and <see cref="ColumnCount"/> columns.</param>
    /// <param name="output">Receives the output, dense and of the same size; in evaluation mode it may be the input.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// A size does not fit, a storage is not dense, the output is the input in training, or BatchNorm trains with one row.
    /// </exception>
    public void Forward(Matrix<T> input, Matrix<T> output) => Run(input, output, Layer.IsTraining ? _remembered : null);

    /// <summary>Normalizes a matrix and remembers the pass in a context instead of in the layer.</summary>
    /// <param name="input">A dense matrix of N rows and <see cref="ColumnCount"/> columns.</param>
    /// <param name="output">
    /// Receives the output, dense and of the same size; it must not be the input, which the backward pass needs.
    /// </param>
    /// <param name="context">Receives what the backward pass needs.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// A size does not fit, a storage is not dense, the output is the input, or BatchNorm trains with one row.
    /// </exception>
    public void Forward(Matrix<T> input, Matrix<T> output, MatrixContext<T> context)
    {
        ArgumentNullException.ThrowIfNull(context);
        Run(input, output, context);
    }

    /// <summary>Goes backward through the last forward pass in training mode; adds to the gradients of the parameters.</summary>
    /// <param name="outputGradient">The gradient of the output, dense and of its size.</param>
    /// <returns>The gradient of the input, a new matrix.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="outputGradient"/> is null.</exception>
    /// <exception cref="ArgumentException">The size is not that of the forward pass, or the storage is not dense.</exception>
    /// <exception cref="InvalidOperationException">No forward pass is remembered, or the layer is in evaluation mode.</exception>
    public Matrix<T> Backward(Matrix<T> outputGradient)
    {
        ArgumentNullException.ThrowIfNull(outputGradient);
        Matrix<T> inputGradient = Matrix<T>.Build.Dense(outputGradient.RowCount, outputGradient.ColumnCount);
        Backward(outputGradient, inputGradient);
        return inputGradient;
    }

    /// <summary>Goes backward through the last forward pass in training mode; adds to the gradients of the parameters.</summary>
    /// <param name="outputGradient">The gradient of the output, dense and of its size.</param>
    /// <param name="inputGradient">Receives the gradient of the input, dense; may be the gradient of the output, not the input.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A size is not that of the forward pass, a storage is not dense, or memory is shared.</exception>
    /// <exception cref="InvalidOperationException">No forward pass is remembered, or the layer is in evaluation mode.</exception>
    public void Backward(Matrix<T> outputGradient, Matrix<T> inputGradient)
    {
        if (!Layer.IsTraining)
        {
            throw new InvalidOperationException(
                "The layer is in evaluation mode, in which Forward remembers nothing. "
                + "Call Train() before Forward, or pass a MatrixContext to Forward and to Backward.");
        }
        Backward(outputGradient, inputGradient, _remembered);
    }

    /// <summary>Goes backward through the forward pass that a context remembers; adds to the gradients of the parameters.</summary>
    /// <param name="outputGradient">The gradient of the output, dense and of its size.</param>
    /// <param name="inputGradient">Receives the gradient of the input, dense; may be the gradient of the output, not the input.</param>
    /// <param name="context">The context of the forward pass.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A size is not that of the forward pass, a storage is not dense, or memory is shared.</exception>
    /// <exception cref="InvalidOperationException">The context remembers no forward pass of this layer.</exception>
    public void Backward(Matrix<T> outputGradient, Matrix<T> inputGradient, MatrixContext<T> context)
    {
        T[] dy = DenseStorage.Elements(outputGradient, nameof(outputGradient));
        T[] dx = DenseStorage.Elements(inputGradient, nameof(inputGradient));
        ArgumentNullException.ThrowIfNull(context);
        if (context.Input is not Matrix<T> input)
        {
            throw new InvalidOperationException(
                "No forward pass is remembered. Call Forward in training mode first, or pass the MatrixContext of a forward pass.");
        }
        GuardSize(outputGradient, input, nameof(outputGradient));
        GuardSize(inputGradient, input, nameof(inputGradient));
        T[] x = GuardInput(input);
        GuardApart(dx, x, nameof(inputGradient), "the input, which a backward pass reads");
        ReadOnlySpan<nint> shape = ShapeOf(input, stackalloc nint[3]);
        if (_runsDownColumns)
        {
            var inputs = new ReadOnlyTensorSpan<T>(x, shape);
            Layer.Backward(inputs, new ReadOnlyTensorSpan<T>(dy, shape), new TensorSpan<T>(dx, shape), context.Statistics);
            return;
        }
        using Samples<T> samples = ToSamples(x, input), gradients = ToSamples(dy, input);
        var gradient = new TensorSpan<T>(gradients.Span, shape);
        Layer.Backward(new ReadOnlyTensorSpan<T>(samples.Span, shape), gradient, gradient, context.Statistics);
        Transposition.Run<T>(gradients.Span, dx, input.RowCount, input.ColumnCount);
    }

    private static ArgumentException Refused(NormalizationLayer<T> layer)
    {
        string reason = layer switch
        {
            BatchNorm<T> => "takes images; BatchNorm1d takes matrices",
            InstanceNorm<T> =>
                "would normalize each element by itself, since every sample has one value for each channel; "
                + "LayerNorm and GroupNorm share statistics over a row",
            LayerNorm<T> or RmsNorm<T> =>
                "runs over several dimensions, and a row of a matrix has one; construct it with the number of columns",
            _ => "is not known to run on matrices; BatchNorm1d, GroupNorm, LayerNorm and RmsNorm do",
        };
        return new($"{layer.GetType().Name.Split('`')[0]} {reason}.", nameof(layer));
    }

    private static void GuardSize(Matrix<T> matrix, Matrix<T> input, string name)
    {
        if (matrix.RowCount != input.RowCount || matrix.ColumnCount != input.ColumnCount)
            throw new ArgumentException($"expected {name} of {Size(input)}, got {Size(matrix)}", name);
    }

    private static void GuardApart(T[] written, T[] read, string name, string other)
    {
        if (ReferenceEquals(written, read))
            throw new ArgumentException($"{name} must not be {other}.", name);
    }

    private static string Size(Matrix<T> matrix) => $"{matrix.RowCount} rows and {matrix.ColumnCount} columns";

    private static Samples<T> ToSamples(ReadOnlySpan<T> elements, Matrix<T> matrix)
    {
        var samples = new Samples<T>(elements.Length);
        Transposition.Run(elements, samples.Span, matrix.ColumnCount, matrix.RowCount);
        return samples;
    }

    private T[] GuardInput(Matrix<T> input)
    {
        T[] elements = DenseStorage.Elements(input, nameof(input));
        if (input.ColumnCount != ColumnCount)
        {
            throw new ArgumentException(
                $"expected an input of {ColumnCount} columns, with samples in rows and features in columns, got {Size(input)}",
                nameof(input));
        }
        return elements;
    }

    /// <summary>The shape of the tensor in whose order the layer reads the elements.</summary>
    private ReadOnlySpan<nint> ShapeOf(Matrix<T> matrix, Span<nint> room)
    {
        if (_runsDownColumns)
        {
            (room[0], room[1], room[2]) = (1, matrix.ColumnCount, matrix.RowCount);
            return room;
        }
        (room[0], room[1]) = (matrix.RowCount, matrix.ColumnCount);
        return room[..2];
    }

    private void Run(Matrix<T> input, Matrix<T> output, MatrixContext<T>? context)
    {
        T[] x = GuardInput(input), y = DenseStorage.Elements(output, nameof(output));
        GuardSize(output, input, nameof(output));
        if (context is not null)
        {
            const string Needed =
                "the input, which the backward pass needs; pass another output, or call Eval() first if there is no backward pass";
            GuardApart(y, x, nameof(output), Needed);
        }
        ReadOnlySpan<nint> shape = ShapeOf(input, stackalloc nint[3]);
        if (_runsDownColumns)
        {
            Apply(new(x, shape), new(y, shape), context);
        }
        else
        {
            using Samples<T> inputs = ToSamples(x, input), outputs = new(x.Length);
            Apply(new(inputs.Span, shape), new(outputs.Span, shape), context);
            Transposition.Run<T>(outputs.Span, y, input.RowCount, input.ColumnCount);
        }
        context?.Remember(input);
    }

    private void Apply(in ReadOnlyTensorSpan<T> input, in TensorSpan<T> output, MatrixContext<T>? context)
    {
        if (context is null)
            Layer.Forward(input, output);
        else
            Layer.Forward(input, output, context.Statistics);
    }
}
