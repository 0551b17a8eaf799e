using System.Reflection;
using System.Xml.Linq;

namespace Normalization.PublicApi.Tests;

public sealed class DocumentationTests
{
    private static readonly Dictionary<string, XElement> Documented = PublicSurface.Libraries
        .SelectMany(static library => XDocument.Load(Path.ChangeExtension(library.Location, ".xml")).Descendants("member"))
        .ToDictionary(static member => member.Attribute("name")!.Value);

    public static TheoryData<string> PublicTypes => [.. PublicSurface.Libraries.SelectMany(PublicSurface.Types).Select(static type => type.FullName!)];

    [Theory]
    [MemberData(nameof(PublicTypes))]
    public void Every_public_member_tells_what_it_does(string typeName)
    {
        Type type = PublicSurface.Libraries.Select(library => library.GetType(typeName)).OfType<Type>().Single();

        foreach (MemberInfo member in PublicSurface.Members(type).Prepend(type))
        {
            XElement? text = Documented.GetValueOrDefault(Id(member));
            if (text is null && IsImplicit(member))
                continue;
            Assert.True(text is not null, $"{Id(member)} has no documentation.");
            if (text.Element("inheritdoc") is XElement inherited)
            {
                if (inherited.Attribute("cref") is XAttribute source)
                    Assert.True(Documented.ContainsKey(source.Value), $"{Id(member)} inherits the documentation of {source.Value}, which has none.");
                continue;
            }
            Text(text.Element("summary")).Should().NotBeEmpty("{0} has a summary", Id(member));
            if (member is MethodBase method)
            {
                Names(text, "param").Should().BeEquivalentTo(method.GetParameters().Select(static parameter => parameter.Name), "of {0}", Id(member));
                if (method is MethodInfo { IsSpecialName: false } called && called.ReturnType != typeof(void) && !IsOverride(called))
                    Text(text.Element("returns")).Should().NotBeEmpty("{0} returns something", Id(member));
            }
        }
    }

    [Fact]
    public void The_documentation_tells_nothing_of_what_a_user_cannot_name()
    {
        IEnumerable<string> visible = PublicSurface.Libraries.SelectMany(PublicSurface.Types)
            .SelectMany(static type => PublicSurface.Members(type).Prepend(type)).Select(Id);
        Documented.Keys.Should().BeSubsetOf(visible);
    }

    /// <summary>A constructor that nobody wrote.</summary>
    private static bool IsImplicit(MemberInfo member) => member is ConstructorInfo constructor && constructor.GetParameters().Length == 0;

    private static bool IsOverride(MethodInfo method) => method.GetBaseDefinition() != method;

    private static string Text(XElement? element) => element?.Value.Trim() ?? "";

    private static IEnumerable<string> Names(XElement text, string element) =>
        text.Elements(element).Where(static part => Text(part).Length > 0).Select(static part => part.Attribute("name")!.Value);

    /// <summary>The compiler's name of a member in the documentation file.</summary>
    private static string Id(MemberInfo member) => member switch
    {
        Type type => $"T:{type.FullName}",
        ConstructorInfo constructor => $"M:{constructor.DeclaringType!.FullName}.#ctor{Arguments(constructor.GetParameters())}",
        MethodInfo method => $"M:{method.DeclaringType!.FullName}.{method.Name}{Arity(method)}{Arguments(method.GetParameters())}{Conversion(method)}",
        PropertyInfo property => $"P:{property.DeclaringType!.FullName}.{property.Name}{Arguments(property.GetIndexParameters())}",
        FieldInfo field => $"F:{field.DeclaringType!.FullName}.{field.Name}",
        EventInfo @event => $"E:{@event.DeclaringType!.FullName}.{@event.Name}",
        _ => throw new NotSupportedException(member.ToString()),
    };

    private static string Arity(MethodInfo method) => method.IsGenericMethod ? $"``{method.GetGenericArguments().Length}" : "";

    private static string Conversion(MethodInfo method) => method.Name is "op_Implicit" or "op_Explicit" ? $"~{TypeId(method.ReturnType)}" : "";

    private static string Arguments(ParameterInfo[] parameters) =>
        parameters.Length == 0 ? "" : $"({string.Join(',', parameters.Select(static parameter => TypeId(parameter.ParameterType)))})";

    private static string TypeId(Type type)
    {
        if (type.IsByRef)
            return TypeId(type.GetElementType()!) + "@";
        if (type.IsArray)
            return TypeId(type.GetElementType()!) + "[]";
        if (type.IsGenericParameter)
            return (type.IsGenericMethodParameter ? "``" : "`") + type.GenericParameterPosition;
        if (!type.IsGenericType)
            return type.FullName!;
        string name = type.GetGenericTypeDefinition().FullName!.Split('`')[0];
        return $"{name}{{{string.Join(',', type.GetGenericArguments().Select(TypeId))}}}";
    }
}
