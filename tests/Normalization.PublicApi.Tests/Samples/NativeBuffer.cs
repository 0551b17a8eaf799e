using System.Runtime.InteropServices;
using Normalization;

namespace Samples;

internal static class NativeBuffer
{
    public static void Run()
    {
        nint address = Marshal.AllocHGlobal(8 * 16 * sizeof(float));
        try
        {
            var norm = new BatchNorm1d<float>(16);
            unsafe
            {
                new Span<float>((void*)address, 8 * 16).Fill(1);
            }
            // begin-sample native-buffer
            norm.Eval();

            // address: of a tensor of ONNX Runtime or TorchSharp, or of NativeMemory.Alloc.
            using (var memory = new NativeMemoryManager<float>(address, length: 8 * 16))
            {
                var tensor = new Tensor<float>(memory.Memory, 8, 16);
                norm.Forward(tensor, tensor);
            }
            // From here on the buffer may be freed: tensors over it throw instead of touching it.
            // end-sample
            unsafe
            {
                new Span<float>((void*)address, 8 * 16).ToArray().Should().OnlyContain(static value => value > 0.999f && value < 1);
            }
        }
        finally
        {
            Marshal.FreeHGlobal(address);
        }
    }
}
