using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;

namespace Normalization;

/// <summary>What ranks that train together do with their parameters.</summary>
public static class CollectiveExtensions
{
    // The number by which ranks compare the lengths of their parameters, and its square.
    private const int SignatureLength = 2;

    // A prime, of which the squares of 8192 ranks add up without rounding.
    private const int SignatureModulus = 1_048_573;

    /// <summary>
    /// Replaces the gradients of all parameters by their sums over the ranks, in one <see cref="ICollective.AllReduce"/>. All ranks must
    /// call this, with equal parameters in the same order; they all get the same bits.
    /// </summary>
    /// <remarks>
    /// Call it between the backward pass and the step of the optimizer. The sums are taken in double, in the order of the ranks, and
    /// rounded once. Frozen parameters (<see cref="Parameter{T}.RequiresGradient"/>) are left as they are; the same ones must be frozen
    /// on all ranks. A NaN or an infinity of one rank reaches the same element on all ranks and no other. If a call throws, no gradient
    /// has changed. It allocates nothing but memory that is pooled.
    /// </remarks>
    /// <example>
    /// <code>
    /// InMemoryCollective.Run(size: 2, ranks =>
    /// {
    ///     var norm = new LayerNorm&lt;float>(4);
    ///     Tensor&lt;float> y = norm.Forward(Tensor&lt;float>.RandomNormal([8, 4], seed: ranks.Rank));
    ///     norm.Backward(y);
    ///     ranks.AllReduceGradients(norm.Parameters);  // the sums over both ranks
    /// });
    /// </code>
    /// </example>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="collective">The ranks.</param>
    /// <param name="parameters">The parameters of a layer or of a whole model; the list may be empty.</param>
    /// <param name="average">
    /// Whether the sums are divided by the number of ranks. Set it where the loss of each rank is the mean over its own samples, and all
    /// ranks have equally many samples.
    /// </param>
    /// <exception cref="ArgumentNullException">An argument is null. The other ranks get a <see cref="CollectiveException"/>.</exception>
    /// <exception cref="ArgumentException">A parameter is null. The other ranks get a <see cref="CollectiveException"/>.</exception>
    /// <exception cref="CollectiveException">The ranks have different parameters, or froze different ones, or the exchange
    /// failed.</exception>
    public static void AllReduceGradients<T>(this ICollective collective, IReadOnlyList<Parameter<T>> parameters, bool average = false)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(collective);
        if (parameters is null || HasNull(parameters))
        {
            Refuse(collective);
            ArgumentNullException.ThrowIfNull(parameters);
            throw new ArgumentException("A parameter is null.", nameof(parameters));
        }
        int header = SignatureLength + parameters.Count, length = header;
        for (int i = 0; i < parameters.Count; i++)
            length = checked(length + WantedLength(parameters[i]));
        double[] rented = ArrayPool<double>.Shared.Rent(length);
        try
        {
            Span<double> message = rented.AsSpan(0, length);
            WriteHeader(parameters, message);
            int start = header;
            for (int i = 0; i < parameters.Count; i++)
            {
                if (parameters[i].RequiresGradient)
                    TensorPrimitives.ConvertTruncating<T, double>(parameters[i].Gradient.Span, message[start..]);
                start += WantedLength(parameters[i]);
            }
            collective.AllReduce(message);
            GuardAgreement(collective, parameters, message);
            Span<double> sums = message[header..];
            if (average)
                TensorPrimitives.Divide(sums, collective.Size, sums);
            for (int i = 0; i < parameters.Count; i++)
            {
                int count = WantedLength(parameters[i]);
                TensorPrimitives.ConvertTruncating<double, T>(sums[..count], parameters[i].Gradient.Span);
                sums = sums[count..];
            }
        }
        finally
        {
            ArrayPool<double>.Shared.Return(rented);
        }
    }

    private static bool HasNull<T>(IReadOnlyList<Parameter<T>> parameters) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < parameters.Count; i++)
        {
            if (parameters[i] is null)
                return true;
        }
        return false;
    }

    private static int WantedLength<T>(Parameter<T> parameter) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        parameter.RequiresGradient ? parameter.Gradient.Length : 0;

    /// <summary>
    /// Sends the other ranks a message that equals none of theirs, so that they do not wait for a rank whose arguments are refused.
    /// </summary>
    internal static void Refuse(ICollective collective)
    {
        try
        {
            collective.AllReduce([double.NaN]);
        }
        catch (CollectiveException)
        {
            // The caller throws what was wrong with the arguments, which says more.
        }
    }

    /// <summary>Writes the signature of all lengths, its square, and of each parameter whether it is frozen.</summary>
    private static void WriteHeader<T>(IReadOnlyList<Parameter<T>> parameters, Span<double> message)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        long signature = 0;
        for (int i = 0; i < parameters.Count; i++)
        {
            signature = ((signature * 31) + parameters[i].Gradient.Length) % SignatureModulus;
            message[SignatureLength + i] = parameters[i].RequiresGradient ? 0 : 1;
        }
        (message[0], message[1]) = (signature, signature * signature);
    }

    /// <summary>Throws, on every rank alike, unless all had the same header: P · Σ s² = (Σ s)² holds for equal numbers alone.</summary>
    private static void GuardAgreement<T>(
        ICollective collective, IReadOnlyList<Parameter<T>> parameters, ReadOnlySpan<double> sums)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (collective.Size * sums[1] != sums[0] * sums[0])
        {
            throw new CollectiveException(
                "The ranks have different parameters: other numbers of them, or other lengths. All must give equal ones in the same "
                    + "order.");
        }
        for (int i = 0; i < parameters.Count; i++)
        {
            double frozen = sums[SignatureLength + i];
            if (frozen != 0 && frozen != collective.Size)
            {
                throw new CollectiveException(
                    $"Parameter {i} ({parameters[i].Name}) is frozen on {frozen} of {collective.Size} ranks: the same ones must be frozen "
                        + "on all.");
            }
        }
    }
}
