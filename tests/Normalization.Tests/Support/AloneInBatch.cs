using System.Numerics;

namespace Normalization.Tests;

/// <summary>Whether samples have the same bits alone as in their batch: outputs and input gradients.</summary>
internal static class AloneInBatch
{
    /// <summary>Compares some samples, from the first to the last.</summary>
    public static void Compare<T>(Sample<T> batch, bool isTraining) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int samples = batch.Input.Shape[0];
        Compare(batch, isTraining, Enumerable.Range(0, samples).Where(sample => sample % Math.Max(1, samples / 7) == 0));
    }

    public static void Compare<T>(Sample<T> batch, bool isTraining, IEnumerable<int> samples) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int[] shape = batch.Input.Shape.ToArray();
        shape[0] = 1;
        var one = new Sample<T>(batch.Case with { Shape = shape });
        CopyParameters(batch, one);
        foreach (int sample in samples)
            CompareAt(batch, one, sample, isTraining);
    }

    public static void CompareAt<T>(Sample<T> batch, Sample<T> one, int sample, bool isTraining) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int length = one.Input.Length, start = sample * length;
        batch.Input.Span.Slice(start, length).CopyTo(one.Input.Span);
        batch.OutputGradient.Span.Slice(start, length).CopyTo(one.OutputGradient.Span);
        one.Run(isTraining);
        one.Output.Span.SequenceEqual(batch.Output.Span.Slice(start, length)).Should().BeTrue("of the output of sample {0}", sample);
        one.InputGradient.Span.SequenceEqual(batch.InputGradient.Span.Slice(start, length)).Should()
            .BeTrue("of the gradient of sample {0}", sample);
    }

    public static void CopyParameters<T>(Sample<T> from, Sample<T> to) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < from.Layer.Parameters.Count; i++)
            from.Layer.Parameters[i].Value.CopyTo(to.Layer.Parameters[i].Value);
        if (from.Running is { RunningMean: { } mean, RunningVariance: { } variance })
        {
            mean.CopyTo(to.Running!.RunningMean!);
            variance.CopyTo(to.Running.RunningVariance!);
        }
    }
}
