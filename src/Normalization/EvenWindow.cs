namespace Normalization;

/// <summary>On which side a window with an even number of channels has one channel more. An odd window is the same on both sides.</summary>
public enum EvenWindow
{
    /// <summary>size / 2 channels before, and one less behind: as PyTorch does.</summary>
    MoreBefore,

    /// <summary>size / 2 channels behind, and one less before: as ONNX does.</summary>
    MoreAfter,
}
