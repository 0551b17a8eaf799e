using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace Normalization.PublicApi.Tests;

/// <summary>The public surface of an assembly as text, one line a member, in C#'s words.</summary>
internal sealed class PublicSurface
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void",
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(int)] = "int",
        [typeof(long)] = "long",
        [typeof(float)] = "float",
        [typeof(double)] = "double",
        [typeof(string)] = "string",
        [typeof(object)] = "object",
    };

    /// <summary>The assemblies of the packages.</summary>
    public static readonly IReadOnlyList<Assembly> Libraries =
        [typeof(NormalizationPrimitives).Assembly, typeof(Mpi.MpiCollective).Assembly, typeof(MathNet.MatrixConversions).Assembly];

    private readonly NullabilityInfoContext _nullability = new();

    public static IEnumerable<Type> Types(Assembly assembly) =>
        assembly.GetExportedTypes().OrderBy(static type => type.FullName, StringComparer.Ordinal);

    /// <summary>The members that a stranger can call or override, without the accessors of properties.</summary>
    public static IEnumerable<MemberInfo> Members(Type type) =>
        type.GetMembers(Declared).OrderBy(Rank).ThenBy(static member => member.Name, StringComparer.Ordinal).Where(static member => member switch
        {
            MethodBase method => IsVisible(method) && (!method.IsSpecialName || method.IsConstructor || IsOperator(method)),
            PropertyInfo property => property.GetAccessors(nonPublic: true).Any(IsVisible),
            FieldInfo field => !field.IsSpecialName && (field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly),
            EventInfo @event => @event.AddMethod is MethodInfo add && IsVisible(add),
            _ => false,
        });

    public string Describe(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (IGrouping<string?, Type> space in Types(assembly).GroupBy(static type => type.Namespace))
        {
            text.Append(CultureInfo.InvariantCulture, $"namespace {space.Key}\n");
            foreach (Type type in space)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n{Declaration(type)}\n");
                foreach (string line in Members(type).GroupBy(static member => (Rank(member), member.Name)).SelectMany(Overloads))
                    text.Append(CultureInfo.InvariantCulture, $"    {line}\n");
            }
        }
        return text.ToString();
    }

    private static int Rank(MemberInfo member) => member switch
    {
        ConstructorInfo => 0,
        FieldInfo => 1,
        PropertyInfo => 2,
        EventInfo => 3,
        _ => 4,
    };

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static bool IsOperator(MethodBase method) => method.Name.StartsWith("op_", StringComparison.Ordinal);

    private string Declaration(Type type)
    {
        string kind = type.IsInterface ? "interface" : type.IsEnum ? "enum" : type.IsValueType ? "struct" : "class";
        string modifier =
            type is { IsAbstract: true, IsSealed: true } ? "static "
            : type.IsInterface || type.IsValueType ? ""
            : type.IsAbstract ? "abstract "
            : type.IsSealed ? "sealed " : "";
        IEnumerable<Type> bases = type.GetInterfaces().Where(candidate => type.BaseType?.GetInterfaces().Contains(candidate) != true);
        if (type.BaseType is Type parent && parent != typeof(object) && parent != typeof(ValueType) && parent != typeof(Enum))
            bases = bases.Prepend(parent);
        string inherits = string.Join(", ", bases.Select(Name));
        return $"public {modifier}{kind} {Name(type)}{(inherits.Length > 0 ? $" : {inherits}" : "")}{Constraints(type.GetGenericArguments())}";
    }

    private IEnumerable<string> Overloads(IEnumerable<MemberInfo> members) => members.Select(Line).Order(StringComparer.Ordinal);

    private string Line(MemberInfo member) => member switch
    {
        ConstructorInfo constructor => $"{Access(constructor)}{BareName(constructor.DeclaringType!)}({Parameters(constructor)})",
        MethodInfo method => Method(method),
        PropertyInfo property => Property(property),
        FieldInfo field => $"public {(field.IsStatic ? "static " : "")}{Name(field.FieldType, _nullability.Create(field))} {field.Name}",
        EventInfo @event => $"public event {Name(@event.EventHandlerType!, _nullability.Create(@event))} {@event.Name}",
        _ => throw new NotSupportedException(member.ToString()),
    };

    private string Method(MethodInfo method)
    {
        string result = Returned(method.ReturnParameter);
        string name = method.Name switch
        {
            "op_Implicit" => $"implicit operator {result}",
            "op_Explicit" => $"explicit operator {result}",
            _ => $"{result} {method.Name}",
        };
        Type[] arguments = method.GetGenericArguments();
        string generic = arguments.Length > 0 ? $"<{string.Join(", ", arguments.Select(Name))}>" : "";
        return $"{Access(method)}{Modifiers(method)}{name}{generic}({Parameters(method)}){Constraints(arguments)}";
    }

    private string Property(PropertyInfo property)
    {
        MethodInfo first = property.GetAccessors(nonPublic: true).First(IsVisible);
        ParameterInfo[] indices = property.GetIndexParameters();
        string name = indices.Length > 0 ? $"this[{string.Join(", ", indices.Select(Parameter))}]" : property.Name;
        string get = property.GetMethod is MethodInfo getter && IsVisible(getter) ? "get; " : "";
        string set =
            property.SetMethod is not MethodInfo setter || !IsVisible(setter) ? ""
            : setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? "init; "
            : "set; ";
        string type = property.PropertyType.IsByRef ? $"ref {Name(property.PropertyType.GetElementType()!)}" : Name(property.PropertyType, _nullability.Create(property));
        return $"{Access(first)}{Modifiers(first)}{type} {name} {{ {get}{set}}}";
    }

    private static string Access(MethodBase method) => method.IsPublic ? "public " : "protected ";

    private static string Modifiers(MethodInfo method) =>
        method.IsStatic ? "static "
        : method.IsAbstract ? "abstract "
        : !method.IsVirtual || method.IsFinal ? ""
        : method.GetBaseDefinition() != method ? "override "
        : "virtual ";

    private string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(Parameter));

    private string Parameter(ParameterInfo parameter)
    {
        string modifier =
            parameter.IsDefined(typeof(ParamArrayAttribute)) || parameter.IsDefined(typeof(ParamCollectionAttribute)) ? "params "
            : !parameter.ParameterType.IsByRef ? ""
            : parameter.IsIn ? "in "
            : parameter.IsOut ? "out " : "ref ";
        Type type = parameter.ParameterType.IsByRef ? parameter.ParameterType.GetElementType()! : parameter.ParameterType;
        string value = parameter.HasDefaultValue ? $" = {Literal(parameter)}" : "";
        return $"{modifier}{Name(type, _nullability.Create(parameter))} {parameter.Name}{value}";
    }

    private string Returned(ParameterInfo result) =>
        result.ParameterType.IsByRef
            ? $"ref {Name(result.ParameterType.GetElementType()!)}"
            : Name(result.ParameterType, _nullability.Create(result));

    private static string Literal(ParameterInfo parameter) => parameter.RawDefaultValue switch
    {
        null => parameter.ParameterType.IsValueType && Nullable.GetUnderlyingType(parameter.ParameterType) is null ? "default" : "null",
        bool value => value ? "true" : "false",
        string value => $"\"{value}\"",
        IFormattable value => value.ToString(null, CultureInfo.InvariantCulture),
        object value => value.ToString()!,
    };

    private static string Constraints(Type[] parameters) => string.Concat(parameters.Where(static type => type.IsGenericParameter).Select(parameter =>
    {
        bool isUnmanaged = parameter.GetCustomAttributesData().Any(static data => data.AttributeType.Name == "IsUnmanagedAttribute");
        var flags = parameter.GenericParameterAttributes;
        IEnumerable<string> words =
            isUnmanaged ? ["unmanaged"]
            : flags.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint) ? ["struct"]
            : flags.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint) ? ["class"]
            : [];
        words = words.Concat(parameter.GetGenericParameterConstraints().Where(static type => type != typeof(ValueType)).Select(Name));
        string list = string.Join(", ", words);
        return list.Length > 0 ? $" where {parameter.Name} : {list}" : "";
    }));

    private static string BareName(Type type) => type.Name.Split('`')[0];

    private static string Name(Type type) => Name(type, null);

    private static string Name(Type type, NullabilityInfo? nullability)
    {
        string suffix = !type.IsValueType && nullability is { ReadState: NullabilityState.Nullable } ? "?" : "";
        if (Nullable.GetUnderlyingType(type) is Type underlying)
            return Name(underlying) + "?";
        if (Keywords.TryGetValue(type, out string? keyword))
            return keyword + suffix;
        if (type.IsArray)
            return $"{Name(type.GetElementType()!, nullability?.ElementType)}[{new string(',', type.GetArrayRank() - 1)}]{suffix}";
        if (!type.IsGenericType)
            return BareName(type) + (type.IsGenericParameter ? "" : suffix);
        Type[] arguments = type.GetGenericArguments();
        NullabilityInfo[] inner = nullability?.GenericTypeArguments ?? [];
        return $"{BareName(type)}<{string.Join(", ", arguments.Select((argument, i) => Name(argument, i < inner.Length ? inner[i] : null)))}>{suffix}";
    }
}
