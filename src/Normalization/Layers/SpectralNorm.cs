using System.Numerics;
using Normalization.Kernels.Machine;
using Normalization.Kernels.Simd;

namespace Normalization;

/// <summary>
/// Spectral normalization: a weight divided by its largest singular value, w = w₀ / σ, with σ = uᵀ · W · v from a power iteration that
/// goes on from call to call. W is the weight as a matrix, whose rows are one of its dimensions.
/// </summary>
/// <remarks>
/// <para>
/// In training, the initial mode, each <see cref="Forward"/> first iterates: v = Wᵀ · u / ‖Wᵀ · u‖, u = W · v / ‖W · v‖. In evaluation u
/// and v stay. <see cref="Backward"/> takes u and v as constants, as they are when it runs. All of it is computed in double and rounded
/// once, with the same bits on every machine. Nothing is allocated.
/// </para>
/// <para>
/// The state is PyTorch's: <c>GetState()</c> has u and v as weight_u and weight_v, and <c>LoadState</c> also reads the newer names,
/// parametrizations.weight.0._u and _v. For weights of transposed convolutions PyTorch takes dimension 1, for all others dimension 0.
/// Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial Networks, 2018, arXiv:1802.05957.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// Tensor&lt;float&gt; original = new([5, 0, 0, 2], 2, 2), weight = new(2, 2), gradient = new(2, 2);
/// var norm = new SpectralNorm&lt;float&gt;([2, 2], powerIterations: 30);
/// double sigma = norm.Forward(original, weight);  // 5
/// norm.Backward(original, weightGradient: weight, gradient);
/// </code>
/// </example>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class SpectralNorm<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly int[] _shape;
    private readonly UnfoldedWeight _unfolded;

    /// <summary>Creates the norm of a weight, in training mode, with vectors drawn at random.</summary>
    /// <param name="weightShape">The shape of the weight.</param>
    /// <param name="dimension">The dimension that gives the rows of the matrix; 1 for transposed convolutions.</param>
    /// <param name="powerIterations">The iterations of each forward pass in training; at least 1.</param>
    /// <param name="epsilon">The smallest number that a vector is divided by; greater than 0.</param>
    /// <param name="seed">The seed of the vectors.</param>
    /// <exception cref="ArgumentException">The shape is negative somewhere or too large, or the weight has no elements.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value lies outside its range.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public SpectralNorm(ReadOnlySpan<int> weightShape, int dimension = 0, int powerIterations = 1, double epsilon = 1e-12, int seed = 0)
    {
        Guard.ElementType<T>();
        Guard.Positive(powerIterations);
        Guard.Epsilon(epsilon);
        if (epsilon == 0)
            throw new ArgumentOutOfRangeException(nameof(epsilon), "epsilon must be greater than 0: vectors of zeros are divided by it.");
        _unfolded = UnfoldedWeight.Of(weightShape, dimension);
        if (_unfolded.Length == 0)
            throw new ArgumentException($"The weight must have elements, got the shape {Shape.Format(weightShape)}.", nameof(weightShape));
        _shape = weightShape.ToArray();
        (PowerIterations, Epsilon) = (powerIterations, epsilon);
        LeftVector = Unit(_unfolded.Rows, seed);
        RightVector = Unit(_unfolded.Columns, seed + 1);
    }

    /// <summary>Gets u, of as many elements as the matrix has rows.</summary>
    public Tensor<T> LeftVector { get; }

    /// <summary>Gets v, of as many elements as the matrix has columns.</summary>
    public Tensor<T> RightVector { get; }

    /// <summary>Gets the iterations of each forward pass in training.</summary>
    public int PowerIterations { get; }

    /// <summary>Gets the smallest number that a vector is divided by.</summary>
    public double Epsilon { get; }

    /// <summary>Gets a value indicating whether forward passes iterate; initially they do.</summary>
    public bool IsTraining { get; private set; } = true;

    /// <summary>Lets forward passes iterate.</summary>
    public void Train() => IsTraining = true;

    /// <summary>Lets forward passes take the vectors as they are.</summary>
    public void Eval() => IsTraining = false;

    /// <summary>Iterates, in training, and divides the weight by its largest singular value.</summary>
    /// <param name="original">w₀, the weight that training changes.</param>
    /// <param name="weight">Receives w; may be exactly <paramref name="original"/>.</param>
    /// <returns>σ, or 1 where it is 0: a weight of zeros stays as it is.</returns>
    /// <exception cref="ArgumentNullException">A tensor is null.</exception>
    /// <exception cref="ArgumentException">A shape is not that of the weight, or memory overlaps.</exception>
    public double Forward(Tensor<T> original, Tensor<T> weight)
    {
        GuardWeight(original, nameof(original));
        GuardWeight(weight, nameof(weight));
        Guard.SameOrApart<T>(weight.Span, original.Span, nameof(weight), nameof(original));
        GuardVectors(weight, nameof(weight));
        GuardVectors(original, nameof(original));
        using Scratch<double> products = new(Math.Max(_unfolded.Rows, _unfolded.Columns));
        for (int i = 0; i < PowerIterations && IsTraining; i++)
        {
            Normalize(TimesLeft(original.Span, products.Span), RightVector.Span);
            Normalize(TimesRight(original.Span, products.Span), LeftVector.Span);
        }
        double sigma = Sigma(original.Span, products.Span);
        ReadOnlySpan<T> source = original.Span;
        Span<T> destination = weight.Span;
        for (int i = 0; i < source.Length; i++)
            destination[i] = Element.FromDouble<T>(Element.ToDouble(source[i]) / sigma);
        return sigma;
    }

    /// <summary>Adds to the gradient of the weight: (dw - Σ (dw · w) · u · vᵀ) / σ.</summary>
    /// <param name="original">w₀, as in the forward pass.</param>
    /// <param name="weightGradient">The gradient of w.</param>
    /// <param name="originalGradient">Gains the gradient of w₀.</param>
    /// <exception cref="ArgumentNullException">A tensor is null.</exception>
    /// <exception cref="ArgumentException">A shape is not that of the weight, or memory overlaps.</exception>
    public void Backward(Tensor<T> original, Tensor<T> weightGradient, Tensor<T> originalGradient)
    {
        GuardWeight(original, nameof(original));
        GuardWeight(weightGradient, nameof(weightGradient));
        GuardWeight(originalGradient, nameof(originalGradient));
        GuardVectors(originalGradient, nameof(originalGradient));
        Guard.Apart<T, T>(originalGradient.Span, original.Span, nameof(originalGradient), nameof(original));
        Guard.Apart<T, T>(originalGradient.Span, weightGradient.Span, nameof(originalGradient), nameof(weightGradient));
        using Scratch<double> products = new(_unfolded.Rows);
        double sigma = Sigma(original.Span, products.Span), product = 0;
        ReadOnlySpan<T> source = original.Span, outer = weightGradient.Span;
        for (int i = 0; i < source.Length; i++)
            product += Element.ToDouble(source[i]) / sigma * Element.ToDouble(outer[i]);
        Span<T> gradient = originalGradient.Span;
        for (int block = 0, i = 0; block < _unfolded.Blocks; block++)
        {
            (int row, int column) = _unfolded.PlaceOf(block);
            double left = product * Element.ToDouble(LeftVector.Span[row]);
            foreach (T right in RightVector.Span.Slice(column, _unfolded.Inner))
            {
                double term = (Element.ToDouble(outer[i]) - (left * Element.ToDouble(right))) / sigma;
                gradient[i] = Element.FromDouble<T>(Element.ToDouble(gradient[i]) + term);
                i++;
            }
        }
    }

    /// <summary>Takes u and v as they are.</summary>
    internal void SetVectors(Tensor<T> left, Tensor<T> right)
    {
        left.Span.CopyTo(LeftVector.Span);
        right.Span.CopyTo(RightVector.Span);
    }

    /// <summary>How far u lies from W · v / ‖W · v‖, as the square of the distance.</summary>
    internal double Mismatch(Tensor<T> original)
    {
        using Scratch<double> products = new(_unfolded.Rows);
        ReadOnlySpan<double> rows = TimesRight(original.Span, products.Span);
        double norm = NormOf(rows), squares = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            double difference = Element.ToDouble(LeftVector.Span[i]) - (rows[i] / norm);
            squares += difference * difference;
        }
        return squares;
    }

    private static Tensor<T> Unit(int length, int seed)
    {
        var vector = Tensor<T>.RandomNormal([length], seed);
        double norm = 0;
        foreach (T element in vector.Span)
            norm += Element.ToDouble(element) * Element.ToDouble(element);
        foreach (ref T element in vector.Span)
            element = Element.FromDouble<T>(Element.ToDouble(element) / Math.Sqrt(norm));
        return vector;
    }

    /// <summary>uᵀ · W · v, or 1 where it is 0: a weight of zeros stays as it is.</summary>
    private double Sigma(ReadOnlySpan<T> weight, Span<double> products)
    {
        ReadOnlySpan<double> rows = TimesRight(weight, products);
        double sigma = 0;
        for (int row = 0; row < rows.Length; row++)
            sigma += rows[row] * Element.ToDouble(LeftVector.Span[row]);
        return sigma == 0 ? 1 : sigma;
    }

    /// <summary>W · v.</summary>
    private Span<double> TimesRight(ReadOnlySpan<T> weight, Span<double> products)
    {
        products = products[.._unfolded.Rows];
        products.Clear();
        ReadOnlySpan<T> vector = RightVector.Span;
        for (int block = 0; block < _unfolded.Blocks; block++)
        {
            (int row, int column) = _unfolded.PlaceOf(block);
            ReadOnlySpan<T> elements = weight.Slice(block * _unfolded.Inner, _unfolded.Inner);
            double sum = 0;
            for (int i = 0; i < elements.Length; i++)
                sum += Element.ToDouble(elements[i]) * Element.ToDouble(vector[column + i]);
            products[row] += sum;
        }
        return products;
    }

    /// <summary>Wᵀ · u.</summary>
    private Span<double> TimesLeft(ReadOnlySpan<T> weight, Span<double> products)
    {
        products = products[.._unfolded.Columns];
        products.Clear();
        ReadOnlySpan<T> vector = LeftVector.Span;
        for (int block = 0; block < _unfolded.Blocks; block++)
        {
            (int row, int column) = _unfolded.PlaceOf(block);
            ReadOnlySpan<T> elements = weight.Slice(block * _unfolded.Inner, _unfolded.Inner);
            double left = Element.ToDouble(vector[row]);
            for (int i = 0; i < elements.Length; i++)
                products[column + i] += Element.ToDouble(elements[i]) * left;
        }
        return products;
    }

    private void Normalize(ReadOnlySpan<double> vector, Span<T> destination)
    {
        double norm = NormOf(vector);
        for (int i = 0; i < destination.Length; i++)
            destination[i] = Element.FromDouble<T>(vector[i] / norm);
    }

    private double NormOf(ReadOnlySpan<double> vector)
    {
        double squares = 0;
        foreach (double element in vector)
            squares += element * element;
        return Math.Max(Math.Sqrt(squares), Epsilon);
    }

    private void GuardWeight(Tensor<T> tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        if (!tensor.Shape.SequenceEqual(_shape))
            throw new ArgumentException($"expected {name} {Shape.Format(_shape)}, got {Shape.Format(tensor.Shape)}", name);
    }

    private void GuardVectors(Tensor<T> tensor, string name)
    {
        Guard.Apart<T, T>(tensor.Span, LeftVector.Span, name, nameof(LeftVector));
        Guard.Apart<T, T>(tensor.Span, RightVector.Span, name, nameof(RightVector));
    }
}
