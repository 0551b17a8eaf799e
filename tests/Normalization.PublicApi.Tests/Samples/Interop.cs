// begin-sample interop
using System.Numerics.Tensors;
using Normalization;
using Tensor = Normalization.Tensor<float>;

// end-sample
namespace Samples;

internal static class Interop
{
    public static void Run()
    {
        // begin-sample interop
        var image = Tensor.RandomNormal([1, 3, 32, 32], seed: 1);
        TensorPrimitives.Multiply(image.Span, 255, image.Span);

        // No copy: a view of System.Numerics.Tensors over the same memory, implicitly or by name.
        ReadOnlyTensorSpan<float> view = image;
        image.AsTensorSpan()[0, 0, 0, 0] = 0;

        // A copy: any tensor span, strided ones too.
        var crop = Tensor.CopyFrom(view[.., .., 8..24, 8..24]);
        Tensor normalized = new InstanceNorm2d<float>(3).Forward(crop);
        // end-sample
        image[0, 0, 0, 0].Should().Be(0);
        normalized.Shape.ToArray().Should().Equal(1, 3, 16, 16);
    }
}
