using System.Buffers;
using System.Numerics;
using Normalization.Kernels.Machine;

namespace Normalization;

/// <summary>
/// A <see cref="Memory{T}"/> over memory that is not the runtime's, such as a buffer of ONNX Runtime or TorchSharp, so that a
/// <see cref="Tensor{T}"/> wraps it without a copy.
/// </summary>
/// <remarks>
/// <para>
/// The memory belongs to the caller: the manager neither allocates nor frees it, and cannot check that the address is right. The memory
/// must stay allocated, with as many elements, until <c>Dispose</c>. After <c>Dispose</c>, the memory, tensors over it and layers that
/// remember such a tensor throw <see cref="ObjectDisposedException"/>, so that they do not read freed memory. So dispose the manager
/// first, and free the buffer afterward. No call may use the memory while it is disposed.
/// </para>
/// <para>
/// Native memory does not move, so <see cref="Pin"/> and <see cref="Unpin"/> do nothing. An array needs no manager, because <see
/// cref="Tensor{T}"/> wraps arrays.
/// </para>
/// </remarks>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public sealed class NativeMemoryManager<T> : MemoryManager<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly nint _address;
    private readonly int _length;
    private bool _isDisposed;

    /// <summary>Wraps native memory, without a copy.</summary>
    /// <param name="address">The address of the first element, aligned to the size of an element.</param>
    /// <param name="length">The number of elements.</param>
    /// <exception cref="ArgumentException">The address is zero although there are elements, or it is not aligned.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is neither float nor double.</exception>
    public NativeMemoryManager(nint address, int length)
    {
        Guard.ElementType<T>();
        Guard.NotNegative(length);
        if (address == 0 && length > 0)
            throw new ArgumentException($"The address of {length} elements must not be zero.", nameof(address));
        if (!RawMemory.IsAligned<T>(address))
            throw new ArgumentException($"The address 0x{address:x} is not aligned to the elements, {typeof(T).Name}.", nameof(address));
        _address = address;
        _length = length;
    }

    /// <summary>Gets the elements.</summary>
    /// <returns>A span over the native memory.</returns>
    /// <exception cref="ObjectDisposedException">The manager has been disposed of.</exception>
    public override Span<T> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return RawMemory.At<T>(_address, _length);
    }

    /// <summary>Gives a handle to an element, which does not move anyway.</summary>
    /// <param name="elementIndex">The index of the element; the number of elements for the end.</param>
    /// <returns>A handle that holds the address.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The index lies outside the memory.</exception>
    /// <exception cref="ObjectDisposedException">The manager has been disposed of.</exception>
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if ((uint)elementIndex > (uint)_length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(elementIndex), $"The memory has {_length} elements, got the index {elementIndex}.");
        }
        return RawMemory.HandleAt<T>(_address, elementIndex);
    }

    /// <summary>Does nothing.</summary>
    public override void Unpin()
    {
    }

    /// <summary>Ends the use of the memory, without freeing it.</summary>
    /// <param name="disposing">Whether <c>Dispose</c> was called.</param>
    protected override void Dispose(bool disposing) => _isDisposed = true;
}
