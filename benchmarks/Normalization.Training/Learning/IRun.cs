namespace Normalization.Training.Learning;

/// <summary>Something that came out of a training.</summary>
internal interface IRun
{
    /// <summary>Whether the loss was no number any more, so that the training broke off.</summary>
    bool Diverged { get; }
}
