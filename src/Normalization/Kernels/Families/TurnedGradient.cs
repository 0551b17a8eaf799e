using Normalization.Kernels.Plans;

namespace Normalization.Kernels.Families;

/// <summary>x and dy of some neighboring positions as rows. dx takes the place of dy and is turned back.</summary>
internal readonly unsafe struct TurnedGradient<T> : IRowParts<T> where T : unmanaged
{
    public static bool ArePlain => false;

    public static bool AreTurned => true;

    public static nint Rows(in GroupLayout layout, in BackwardOperands<T> operands) => Turned(layout, operands).Count;

    public static nint Room(in GroupLayout layout, in BackwardOperands<T> operands) => 2 * Turned(layout, operands).Room;

    public static BackwardOperands<T> Of(GroupLayout* layout, in BackwardOperands<T> operands, double* memory, nint first, nint last)
    {
        TurnedRows<T> turned = Turned(*layout, operands);
        T* x = (T*)memory, dy = (T*)(memory + turned.Room);
        turned.Read(operands.Input, first, last, x);
        turned.Read(operands.OutputGradient, first, last, dy);
        nint offset = first * layout->Unit.Length;
        BackwardOperands<T> own = operands;
        own.Input = x - offset;
        own.OutputGradient = own.InputGradient = dy - offset;
        return own;
    }

    public static void Finish(GroupLayout* layout, in BackwardOperands<T> operands, double* memory, nint first, nint last)
    {
        TurnedRows<T> turned = Turned(*layout, operands);
        if (operands.InputGradient != null)
            turned.Write((T*)(memory + turned.Room), first, last, operands.InputGradient);
    }

    private static TurnedRows<T> Turned(in GroupLayout layout, in BackwardOperands<T> operands) =>
        new(layout.Unit.Length, operands.Positions);
}
