using System.Numerics;

namespace Normalization;

/// <summary>What a recalibration has seen: saved, and added to that of another one.</summary>
public static class RecalibrationExtensions
{
    /// <summary>
    /// Gives what a recalibration has seen so far, for example to save it in a file, so that several machines can each see a part of the
    /// data.
    /// </summary>
    /// <remarks>
    /// Each layer has the keys mean, mean_low, variance, variance_low and element_count, after its prefix: the biased moments of all
    /// elements of each channel, each as a double and what rounding has taken from it. Where statistics are averaged
    /// (<see cref="RecalibrationMethod.BatchAverage"/>, InstanceNorm), group_count stands instead of element_count.
    /// </remarks>
    /// <example>
    /// <code>
    /// BatchNorm1d&lt;float> first = new(3), second = new(3);  // on two machines, with a part of the data each
    /// using Recalibration&lt;float> here = first.Recalibrate(), there = second.Recalibrate();
    /// first.Forward(Tensor&lt;float>.RandomNormal([8, 3], seed: 1, mean: 5));
    /// second.Forward(Tensor&lt;float>.RandomNormal([8, 3], seed: 2, mean: 5));
    /// here.AddState(there.GetState());                     // through a file, see SafeTensorsFile
    /// here.Complete();
    /// </code>
    /// </example>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="recalibration">The recalibration.</param>
    /// <returns>A copy: what the recalibration sees later does not change it.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="recalibration"/> is null.</exception>
    public static StateDictionary GetState<T>(this Recalibration<T> recalibration)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(recalibration);
        return StateLoading.Snapshot(recalibration.Layers.SelectMany(static item => Slots(item, item.Seen)));
    }

    /// <summary>
    /// Adds what another recalibration of the same layers has seen, by the same method. The result is that of one recalibration that has
    /// seen the samples of both.
    /// </summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="recalibration">The recalibration.</param>
    /// <param name="state">The state of the other one.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The state does not fit, or has a value that is not finite; the message names every mismatch. Nothing was added.
    /// </exception>
    /// <exception cref="InvalidOperationException">The recalibration has ended.</exception>
    /// <exception cref="IOException">The state lies in a file that cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The state lies in a file that has been disposed.</exception>
    public static void AddState<T>(this Recalibration<T> recalibration, StateDictionary state)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(recalibration);
        ArgumentNullException.ThrowIfNull(state);
        recalibration.GuardUnderWay();
        StatisticsAccumulator[] parts = [.. recalibration.Layers.Select(static item => item.CreateAccumulator())];
        StateLoading.Load(recalibration.Layers.SelectMany((item, i) => Slots(item, parts[i])), state, static _ => true, strict: true);
        for (int i = 0; i < parts.Length; i++)
            recalibration.Layers[i].Seen.Add(parts[i]);
    }

    private static IEnumerable<StateSlot> Slots<T>(RecalibratedLayer<T> item, StatisticsAccumulator seen)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        string prefix = KeyText.WithDot(item.Prefix);
        return seen.Buffers.Select(buffer => StateSlot.Of(buffer, prefix, static () => { }));
    }
}
