using Normalization.Kernels.Families;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>The one place that picks the activation for which the passes of the norm are compiled.</summary>
internal static unsafe class ForwardEpilogues<T, V, W>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    public static void Run(in Route route, in ForwardOperands<T> operands, in EpilogueOperands<T> epilogue)
    {
        switch (epilogue.ActivationKind)
        {
            case ActivationKind.None:
                Run<NoActivation>(route, operands, epilogue);
                break;
            case ActivationKind.Relu:
                Run<ReluActivation>(route, operands, epilogue);
                break;
            case ActivationKind.Silu:
                Run<SiluActivation>(route, operands, epilogue);
                break;
            case ActivationKind.Gelu:
                Run<GeluActivation>(route, operands, epilogue);
                break;
            default:
                Run<GeluTanhActivation>(route, operands, epilogue);
                break;
        }
    }

    /// <summary>The value of the activation, or its gradient where there is one of the output.</summary>
    private static void Run<TActivation>(in Route route, in ForwardOperands<T> operands, in EpilogueOperands<T> epilogue)
        where TActivation : IActivation
    {
        Plain<T> source = new(operands.Input);
        T* dy = epilogue.OutputGradient, skip = epilogue.Skip;
        if (dy == null)
            KernelSet<T, V, W>.Forward(route, operands, source, new ActivationEpilogue<T, TActivation>(skip));
        else
            KernelSet<T, V, W>.Forward(route, operands, source, new GradientEpilogue<T, TActivation>(dy, skip));
    }
}
