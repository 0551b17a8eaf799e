using System.Runtime.Intrinsics;
using Normalization.Kernels.Families;
using Normalization.Kernels.Loops;
using Normalization.Kernels.Plans;
using Normalization.Kernels.Simd;

namespace Normalization.Kernels;

/// <summary>The kernels for one element type at one vector width.</summary>
internal abstract class KernelSet<T> where T : unmanaged
{
    /// <summary>The widest vectors that this machine has; tests force another width.</summary>
    public static KernelSet<T> Active { get; set; } = ForWidth(HardwareWidth);

    /// <summary>The number of bits in a vector.</summary>
    public abstract int Width { get; }

    private static int HardwareWidth =>
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;

    public static KernelSet<T> ForWidth(int bits) => (KernelSet<T>)ForWidth(typeof(T), bits);

    private static object ForWidth(Type element, int bits) => (element == typeof(float), bits) switch
    {
        (true, 512) => new KernelSet<float, Float512, Double512<float>>(512),
        (true, 256) => new KernelSet<float, Float256, Double256<float>>(256),
        (true, _) => new KernelSet<float, Float128, Double128<float>>(128),
        (false, 512) => new KernelSet<double, Double512<double>, Double512<double>>(512),
        (false, 256) => new KernelSet<double, Double256<double>, Double256<double>>(256),
        (false, _) => new KernelSet<double, Double128<double>, Double128<double>>(128),
    };

    public abstract void Forward(in Route route, in ForwardOperands<T> operands);

    /// <summary>Forward over one short row with statistics of its own.</summary>
    public abstract void ForwardRow(nint width, in ForwardOperands<T> operands);

    /// <summary>Backward over one short row with weights; false where the row is not one for this, and nothing is done.</summary>
    public abstract bool TryBackwardRow(nint width, in BackwardOperands<T> operands);

    public abstract void Backward(in Route route, in BackwardOperands<T> operands);

    /// <summary>The derivative of the output along directions, and backward through a backward pass.</summary>
    public abstract void SecondOrder(in GroupLayout layout, in SecondOrderOperands<T> operands);

    /// <summary>Forward with an activation and a skip behind the norm, or with the gradient that goes back through these.</summary>
    public abstract void Forward(in Route route, in ForwardOperands<T> operands, in EpilogueOperands<T> epilogue);

    /// <summary>What follows the norm, in a pass of its own.</summary>
    public abstract void Epilogue(in EpilogueOperands<T> operands);

    /// <summary>Backward through what follows the norm.</summary>
    public abstract void EpilogueBackward(in EpilogueOperands<T> operands);

    /// <summary>The statistics of valid positions.</summary>
    public abstract void MaskedMoments(in MaskedOperands<T> operands);

    /// <summary>Forward over valid positions.</summary>
    public abstract void MaskedForward(in MaskedOperands<T> operands);

    /// <summary>Backward over valid positions.</summary>
    public abstract void MaskedBackward(in MaskedOperands<T> operands);

    /// <summary>Copies valid positions.</summary>
    public abstract void MaskedCopy(in MaskedOperands<T> operands);
}

internal sealed class KernelSet<T, V, W>(int width) : KernelSet<T>
    where T : unmanaged
    where V : unmanaged, ISimd<V, T>
    where W : unmanaged, IWideSimd<W, T>
{
    public override int Width => width;

    public override unsafe void Forward(in Route route, in ForwardOperands<T> operands)
    {
        if (route.Family == Family.Windows)
            WindowPass<T, V, W>.Run(route.Windows, operands.Input, null, operands.Output);
        else if (route.IsTransposed)
            PositionForward<T, V, W>.Run(route.Groups, operands);
        else
            Forward(route, operands, new Plain<T>(operands.Input), default(Identity<T>));
    }

    /// <summary>Forward over what a source gives, with an epilogue behind the norm.</summary>
    public static void Forward<TSource, TEpilogue>(in Route route, in ForwardOperands<T> operands, in TSource source, in TEpilogue epilogue)
        where TSource : struct, ISource<TSource, T>
        where TEpilogue : struct, IEpilogue<TEpilogue, T>
    {
        if (route.Family == Family.Columns)
            ColumnKernel<T, V, W, ColumnForward<T, TSource, TEpilogue>>.Run(route, new(operands, source, epilogue));
        else if (route.Family == Family.SampleColumns)
            SampleColumns<T, V, W>.Forward(route, operands, source, epilogue);
        else
            GroupForward<T, V, W, TSource, TEpilogue>.Run(route, operands, source, epilogue);
    }

    public override void ForwardRow(nint width, in ForwardOperands<T> operands) => OneRowForward<T, V, W>.Run(width, operands);

    public override bool TryBackwardRow(nint width, in BackwardOperands<T> operands)
    {
        bool isCovered = OneRowBackward<T, V, W>.Covers(width, operands);
        if (isCovered)
            OneRowBackward<T, V, W>.Run(width, operands);
        return isCovered;
    }

    public override void Forward(in Route route, in ForwardOperands<T> operands, in EpilogueOperands<T> epilogue) =>
        ForwardEpilogues<T, V, W>.Run(route, operands, epilogue);

    public override void SecondOrder(in GroupLayout layout, in SecondOrderOperands<T> operands) =>
        SecondOrderPass<T, W>.Run(layout, operands);

    public override void Epilogue(in EpilogueOperands<T> operands) => EpilogueDispatch.Forward<T, V>(operands);

    public override void EpilogueBackward(in EpilogueOperands<T> operands) => EpilogueDispatch.Backward<T, V, W>(operands);

    public override void MaskedMoments(in MaskedOperands<T> operands)
    {
        if (MaskedLaunch.AreColumns(operands.Plan))
            MaskedColumns<T, V, W>.Forward(operands);
        else
            MaskedMoments<T, V, W>.Run(operands);
    }

    public override void MaskedForward(in MaskedOperands<T> operands)
    {
        if (MaskedLaunch.AreColumns(operands.Plan))
            MaskedColumns<T, V, W>.Forward(operands);
        else
            MaskedForward<T, V, W>.Run(operands);
    }

    public override void MaskedBackward(in MaskedOperands<T> operands)
    {
        if (MaskedLaunch.AreColumns(operands.Plan))
            MaskedColumns<T, V, W>.Backward(operands);
        else
            MaskedBackward<T, V, W>.Run(operands);
    }

    public override void MaskedCopy(in MaskedOperands<T> operands)
    {
        if (operands.ClearsInvalid)
            MaskedCopy<T, V, Off>.Run(operands);
        else
            MaskedCopy<T, V, On>.Run(operands);
    }

    public override unsafe void Backward(in Route route, in BackwardOperands<T> operands)
    {
        switch (route.Family)
        {
            case Family.Columns when operands.LeastInputs != null:
                ColumnKernel<T, V, W, ColumnBackward<T, On>>.Run(route, new(operands));
                break;
            case Family.Columns:
                ColumnKernel<T, V, W, ColumnBackward<T, Off>>.Run(route, new(operands));
                break;
            case Family.SampleColumns:
                SampleColumns<T, V, W>.Backward(route, operands);
                break;
            case Family.Slices:
                GroupBackward<T, V, W>.Run(route.Groups, operands);
                break;
            case Family.Rows when route.IsTransposed:
                RowBackward<T, V, W, TurnedGradient<T>>.Run(route.Groups, operands);
                break;
            case Family.Rows:
                EpilogueDispatch.RowBackward<T, V, W>(route.Groups, operands);
                break;
            case Family.Windows:
                WindowPass<T, V, W>.Run(route.Windows, operands.Input, operands.OutputGradient, operands.InputGradient);
                break;
            default:
                LongRowBackward<T, V, W>.Run(route.Groups, operands);
                break;
        }
    }
}
