namespace Normalization;

/// <summary>Where the channels stand in the shape of an input.</summary>
/// <remarks>
/// It says how memory lies, and changes neither the parameters nor the keys of the state: a checkpoint fits a layer with either axis. The
/// results are those of the other axis on the transposed tensor, to the last digits.
/// </remarks>
public enum ChannelAxis
{
    /// <summary>Behind the samples: [N, C, ...], as in PyTorch.</summary>
    First,

    /// <summary>At the end: [N, ..., C], as in Keras, Flax and most image files.</summary>
    Last,
}
