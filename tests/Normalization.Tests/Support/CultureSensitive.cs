using System.Reflection;
using System.Text;

namespace Normalization.Tests;

/// <summary>The members of .NET whose result depends on the culture of the thread, as far as a program here could use them.</summary>
internal static class CultureSensitive
{
    // The name alone: this project has a type of its own that stands in place of it.
    private const string InterpolatedStringHandler = "System.Runtime.CompilerServices.DefaultInterpolatedStringHandler";
    private const int MemberReferences = 0x0A, MethodSpecifications = 0x2B;

    private static readonly string[] _casings = [nameof(string.ToUpper), nameof(string.ToLower), nameof(char.ToUpper), nameof(char.ToLower)];
    private static readonly string[] _comparisons = [nameof(string.StartsWith), nameof(string.EndsWith), nameof(string.IndexOf), nameof(string.LastIndexOf), nameof(string.Compare), nameof(string.CompareTo)];
    private static readonly string[] _outputs = [nameof(Console.Write), nameof(Console.WriteLine), nameof(StringBuilder.Append), nameof(StringBuilder.Insert), nameof(StringBuilder.AppendFormat)];

    /// <summary>Those that an assembly refers to.</summary>
    public static IEnumerable<string> UsedBy(Assembly assembly) =>
        References(assembly.ManifestModule, MemberReferences).Concat(References(assembly.ManifestModule, MethodSpecifications))
            .Where(Is).Select(static method => $"{method.DeclaringType}: {method}");

    public static bool Is(MethodBase method)
    {
        if (method.IsGenericMethodDefinition)
            return false;
        Type type = method.DeclaringType!;
        Type[] parameters = [.. method.GetParameters().Select(static parameter => parameter.ParameterType)];
        if (type.Namespace?.StartsWith("System", StringComparison.Ordinal) != true || parameters.Any(IsChoice))
            return false;
        if (type.FullName == InterpolatedStringHandler || type == typeof(StringBuilder.AppendInterpolatedStringHandler))
            return method.IsConstructor;
        if (type == typeof(ArgumentOutOfRangeException))
            return method.IsStatic || parameters.Contains(typeof(object));
        if (type == typeof(string))
            return IsOfText(method, parameters);
        if (type == typeof(char))
            return _casings.Contains(method.Name);
        if (type == typeof(Convert))
            return method.Name == nameof(Convert.ToString);
        // A record that is shown as text appends its members as objects; no program here shows one.
        if (type == typeof(StringBuilder) && parameters is [var only] && only == typeof(object))
            return false;
        if (typeof(TextWriter).IsAssignableFrom(type) || type == typeof(Console) || type == typeof(StringBuilder))
            return _outputs.Contains(method.Name) && (method.Name == nameof(StringBuilder.AppendFormat) || parameters.Any(IsNumber));
        return type != typeof(object) && IsNumber(type) && (method.Name is nameof(int.Parse) or nameof(int.TryParse) or nameof(ToString) or nameof(int.TryFormat));
    }

    private static bool IsOfText(MethodBase method, Type[] parameters) => method.Name switch
    {
        nameof(string.Format) => true,
        nameof(string.Join) => parameters.Contains(typeof(object[])) || (method.IsGenericMethod && method.GetGenericArguments().Any(IsNumber)),
        nameof(string.Concat) => parameters.Contains(typeof(object)) || parameters.Contains(typeof(object[])),
        _ => _casings.Contains(method.Name) || (_comparisons.Contains(method.Name) && !parameters.Contains(typeof(char))),
    };

    private static bool IsNumber(Type type) =>
        type == typeof(object) || (type.IsValueType && type != typeof(Guid) && type != typeof(char) && type.Namespace is "System" or "System.Numerics" && typeof(IFormattable).IsAssignableFrom(type));

    private static bool IsChoice(Type type) => type == typeof(StringComparison) || typeof(IFormatProvider).IsAssignableFrom(type);

    private static IEnumerable<MethodBase> References(Module module, int table)
    {
        for (int row = 1; ; row++)
        {
            MemberInfo? member = null;
            try
            {
                member = module.ResolveMember((table << 24) | row);
            }
            catch (ArgumentOutOfRangeException)
            {
                yield break;
            }
            catch (Exception exception) when (exception is ArgumentException or BadImageFormatException)
            {
                // A member of a type that only a generic context names: none of those above.
            }
            if (member is MethodBase { DeclaringType: not null } method)
                yield return method;
        }
    }
}
