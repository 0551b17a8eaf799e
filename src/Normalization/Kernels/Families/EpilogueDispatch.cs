using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>The one place that picks the activation for which what follows the norm is compiled.</summary>
internal static class EpilogueDispatch
{
    public static void Forward<T, V>(in EpilogueOperands<T> operands)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        switch (operands.ActivationKind)
        {
            case ActivationKind.None:
                Epilogue<T, V, NoActivation>.Run(operands);
                break;
            case ActivationKind.Relu:
                Epilogue<T, V, ReluActivation>.Run(operands);
                break;
            case ActivationKind.Silu:
                Epilogue<T, V, SiluActivation>.Run(operands);
                break;
            case ActivationKind.Gelu:
                Epilogue<T, V, GeluActivation>.Run(operands);
                break;
            default:
                Epilogue<T, V, GeluTanhActivation>.Run(operands);
                break;
        }
    }

    public static void Backward<T, V, W>(in EpilogueOperands<T> operands)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        switch (operands.ActivationKind)
        {
            case ActivationKind.None:
                EpilogueBackward<T, V, W, NoActivation>.Run(operands);
                break;
            case ActivationKind.Relu:
                EpilogueBackward<T, V, W, ReluActivation>.Run(operands);
                break;
            case ActivationKind.Silu:
                EpilogueBackward<T, V, W, SiluActivation>.Run(operands);
                break;
            case ActivationKind.Gelu:
                EpilogueBackward<T, V, W, GeluActivation>.Run(operands);
                break;
            default:
                EpilogueBackward<T, V, W, GeluTanhActivation>.Run(operands);
                break;
        }
    }
}
