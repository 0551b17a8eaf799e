using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace Normalization.Tests;

/// <summary>
/// The runtime compiles a method without optimization first, and again only when it was called often: a loop over data that
/// is not compiled in full from the start costs the first calls of a process several times the layer itself.
/// </summary>
public sealed class FirstCallTests
{
    private const MethodImplAttributes Inlined = (MethodImplAttributes)MethodImplOptions.AggressiveInlining;
    private const MethodImplAttributes Optimized = (MethodImplAttributes)MethodImplOptions.AggressiveOptimization;
    private const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    // These run once a process, or over threads.
    private static readonly string[] _notOverData = ["ReadLastLevelCacheBytes", "TryRent", "ThreadTeam`1.Run", "Partial.Copy"];

    private static readonly Dictionary<short, OpCode> _opCodes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(static field => (OpCode)field.GetValue(null)!).ToDictionary(static code => code.Value);

    [Fact]
    public void No_loop_over_data_runs_unoptimized_in_the_first_calls()
    {
        MethodBase[] methods =
        [
            .. from type in typeof(NormalizationPrimitives).Assembly.GetTypes()
               where type == typeof(NormalizationPrimitives)
                     || type.Namespace?.StartsWith("Normalization.Kernels", StringComparison.Ordinal) == true
               from method in type.GetMethods(Declared)
               where !method.IsAbstract && !method.Name.Contains('.') // bridges that the C# compiler writes
               select method,
        ];
        MethodBase[] loops = [.. methods.Where(HasLoop)];
        loops.Should().HaveCountGreaterThan(30);
        loops.Where(static method => (method.MethodImplementationFlags & (Optimized | Inlined)) == 0)
            .Select(static method => $"{method.DeclaringType!.Name}.{method.Name}")
            .Where(static name => !_notOverData.Any(name.EndsWith))
            .Should().BeEmpty();
    }

    /// <summary>Whether the method jumps back, or one does that becomes part of it.</summary>
    private static bool HasLoop(MethodBase method)
    {
        byte[] code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        for (int at = 0; at < code.Length;)
        {
            short value = code[at] == 0xFE ? (short)((0xFE << 8) | code[at + 1]) : code[at];
            OpCode opCode = _opCodes[value];
            int operand = at + opCode.Size;
            int end = operand + OperandSize(opCode, code, operand);
            bool jumpsBack = opCode.OperandType switch
            {
                OperandType.ShortInlineBrTarget => (sbyte)code[operand] < 0,
                OperandType.InlineBrTarget => BitConverter.ToInt32(code, operand) < 0,
                _ => false,
            };
            if (jumpsBack || (opCode.OperandType == OperandType.InlineMethod && IsInlinedLoop(method, BitConverter.ToInt32(code, operand))))
                return true;
            at = end;
        }
        return false;
    }

    private static bool IsInlinedLoop(MethodBase caller, int token)
    {
        MethodBase callee = caller.Module.ResolveMethod(
            token, caller.DeclaringType!.GetGenericArguments(), caller.IsGenericMethod ? caller.GetGenericArguments() : null)!;
        return callee.Module == caller.Module && (callee.MethodImplementationFlags & Inlined) != 0 && !callee.IsAbstract && HasLoop(callee);
    }

    private static int OperandSize(OpCode opCode, byte[] code, int operand) => opCode.OperandType switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, operand)),
        _ => 4,
    };
}
