using System.Numerics.Tensors;
using Normalization.Training.Networks;

namespace Normalization.Training.Learning;

/// <summary>The loss of a classifier: minus the logarithm of the probability that softmax gives to the right class,
/// mean over the batch.</summary>
internal static class SoftmaxCrossEntropy
{
    /// <summary>Returns the loss and writes its gradient by the logits: (probabilities - one at the right class) / batch.</summary>
    public static double Loss(Tensor<float> logits, ReadOnlySpan<int> labels, Tensor<float> gradient)
    {
        int classes = logits.Shape[1];
        double loss = 0;
        for (int n = 0; n < labels.Length; n++)
        {
            ReadOnlySpan<float> row = logits.Span.Slice(n * classes, classes);
            Span<float> result = gradient.Span.Slice(n * classes, classes);

            // Without the greatest logit the exponentials cannot overflow.
            float greatest = TensorPrimitives.Max(row);
            TensorPrimitives.Subtract(row, greatest, result);
            float right = result[labels[n]];
            Elementary.Exp(result, result);
            float sum = Elementary.Sum(result);
            loss += Math.Log(sum) - right;

            TensorPrimitives.Divide(result, sum, result);
            result[labels[n]] -= 1;
            TensorPrimitives.Divide(result, labels.Length, result);
        }

        return loss / labels.Length;
    }

    /// <summary>The class with the greatest logit of each row.</summary>
    public static int[] Classes(Tensor<float> logits)
    {
        (int rows, int classes) = (logits.Shape[0], logits.Shape[1]);
        var greatest = new int[rows];
        for (int n = 0; n < rows; n++)
            greatest[n] = TensorPrimitives.IndexOfMax<float>(logits.Span.Slice(n * classes, classes));

        return greatest;
    }

    /// <summary>How many rows have their greatest logit at the right class. A row with a NaN has none.</summary>
    public static int CountRight(Tensor<float> logits, ReadOnlySpan<int> labels)
    {
        int classes = logits.Shape[1];
        int right = 0;
        for (int n = 0; n < labels.Length; n++)
        {
            ReadOnlySpan<float> row = logits.Span.Slice(n * classes, classes);
            if (row[labels[n]] == TensorPrimitives.Max(row))
                right++;
        }

        return right;
    }
}
