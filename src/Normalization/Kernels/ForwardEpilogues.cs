using Normalization.Kernels.Families;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>The passes of the norm with an activation and a skip in them, compiled for each activation.</summary>
internal readonly unsafe ref struct ForwardEpilogues<T, V, W>(
    ref readonly Route route, ref readonly ForwardOperands<T> operands, ref readonly EpilogueOperands<T> epilogue) : IActivationJob
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    private readonly ref readonly Route _route = ref route;
    private readonly ref readonly ForwardOperands<T> _operands = ref operands;
    private readonly ref readonly EpilogueOperands<T> _epilogue = ref epilogue;

    public static void Run(in Route route, in ForwardOperands<T> operands, in EpilogueOperands<T> epilogue) =>
        ActivationDispatch.Run(epilogue.ActivationKind, new ForwardEpilogues<T, V, W>(in route, in operands, in epilogue));

    /// <summary>The value of the activation, or its gradient where there is one of the output.</summary>
    public void Run<TActivation>() where TActivation : IActivation
    {
        T* dy = _epilogue.OutputGradient, skip = _epilogue.Skip;
        if (dy != null)
            KernelSet<T, V, W>.Forward(_route, _operands, new Plain<T>(_operands.Input), new GradientEpilogue<T, TActivation>(dy, skip));
        else if (typeof(TActivation) == typeof(NoActivation) && skip == null)
            Run(default(Identity<T>));
        else
            Run(new ActivationEpilogue<T, TActivation>(skip));
    }

    private void Run<TEpilogue>(in TEpilogue behind) where TEpilogue : struct, IEpilogue<TEpilogue, T>
    {
        if (_epilogue.Residual == null)
            KernelSet<T, V, W>.Forward(_route, _operands, new Plain<T>(_operands.Input), behind);
        else
            ResidualForward<T, V, W, TEpilogue>.Run(_route, _operands, _epilogue.Residual, _epilogue.Sum, behind);
    }
}
