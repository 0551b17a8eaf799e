using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels.Families;

/// <summary>What follows the norm as a pass of its own, and backward through it and rows, compiled for each activation.</summary>
internal static class EpilogueDispatch
{
    public static void Forward<T, V>(in EpilogueOperands<T> operands)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T> =>
        ActivationDispatch.Run(operands.ActivationKind, new ForwardJob<T, V>(in operands));

    public static void Backward<T, V, W>(in EpilogueOperands<T> operands)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T> =>
        ActivationDispatch.Run(operands.ActivationKind, new BackwardJob<T, V, W>(in operands));

    public static void RowBackward<T, V, W>(in GroupLayout layout, in BackwardOperands<T> operands)
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T> =>
        ActivationDispatch.Run(operands.ActivationKind, new RowBackwardJob<T, V, W>(in layout, in operands));

    private readonly ref struct ForwardJob<T, V>(ref readonly EpilogueOperands<T> operands) : IActivationJob
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
    {
        private readonly ref readonly EpilogueOperands<T> _operands = ref operands;

        public void Run<TActivation>() where TActivation : IActivation => Epilogue<T, V, TActivation>.Run(_operands);
    }

    private readonly ref struct BackwardJob<T, V, W>(ref readonly EpilogueOperands<T> operands) : IActivationJob
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        private readonly ref readonly EpilogueOperands<T> _operands = ref operands;

        public void Run<TActivation>() where TActivation : IActivation => EpilogueBackward<T, V, W, TActivation>.Run(_operands);
    }

    private readonly ref struct RowBackwardJob<T, V, W>(ref readonly GroupLayout layout, ref readonly BackwardOperands<T> operands)
        : IActivationJob
        where T : unmanaged
        where V : unmanaged, ISimd<V, T>
        where W : unmanaged, IWideSimd<W, T>
    {
        private readonly ref readonly GroupLayout _layout = ref layout;
        private readonly ref readonly BackwardOperands<T> _operands = ref operands;

        public void Run<TActivation>() where TActivation : IActivation =>
            RowBackward<T, V, W, ActivatedGradient<T, V, W, TActivation>>.Run(_layout, _operands);
    }
}
