using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Xml.Linq;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// A step of the build: removes from the documentation file what a user of the package cannot name. The compiler writes the comments of
/// internal and private members into it too.
/// </summary>
public sealed class KeepPublicDocumentation : Task
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>Gets or sets the path of the assembly.</summary>
    [Required]
    public string Library { get; set; }

    /// <summary>Gets or sets the paths of the assemblies that it refers to.</summary>
    [Required]
    public ITaskItem[] References { get; set; }

    /// <summary>Gets or sets the path of its documentation file, which is changed.</summary>
    [Required]
    public string Documentation { get; set; }

    /// <inheritdoc/>
    public override bool Execute()
    {
        AppDomain.CurrentDomain.AssemblyResolve += Resolve;
        try
        {
            // From bytes, because a file that is loaded by its path stays open as long as the build server lives.
            Dictionary<string, Type> types = Assembly.Load(File.ReadAllBytes(Library)).GetTypes()
                .GroupBy(type => type.FullName.Replace('+', '.')).ToDictionary(group => group.Key, group => group.First());
            XDocument document = XDocument.Load(Documentation, LoadOptions.PreserveWhitespace);
            foreach (XElement member in document.Descendants("member").ToList())
            {
                if (IsPublic((string)member.Attribute("name"), types))
                    continue;
                if (member.PreviousNode is XText space)
                    space.Remove();
                member.Remove();
            }
            document.Save(Documentation, SaveOptions.DisableFormatting);
            return true;
        }
        finally
        {
            AppDomain.CurrentDomain.AssemblyResolve -= Resolve;
        }
    }

    private Assembly Resolve(object sender, ResolveEventArgs wanted)
    {
        string name = new AssemblyName(wanted.Name).Name + ".dll";
        string path = References.Select(item => item.ItemSpec).FirstOrDefault(item => Path.GetFileName(item) == name);
        return path == null ? null : Assembly.Load(File.ReadAllBytes(path));
    }

    /// <summary>Whether a name of the documentation file, as M:Namespace.Type.Member(System.Int32), is public or protected.</summary>
    private static bool IsPublic(string id, Dictionary<string, Type> types)
    {
        string[] parts = id.Substring(2).Split(new[] { '(' }, 2);
        string path = parts[0].Split('~')[0];
        if (id[0] == 'T')
            return types.TryGetValue(path, out Type named) && named.IsVisible;
        int end = path.LastIndexOf('.');
        string name = path.Substring(end + 1).Split(new[] { "``" }, StringSplitOptions.None)[0].Replace('#', '.');
        int count = parts.Length == 1 ? 0 : CountParameters(parts[1]);
        // The metadata name of a type that only one file sees is another one than the documentation's.
        return types.TryGetValue(path.Substring(0, end), out Type type) && type.IsVisible
            && type.GetMember(name, Declared).Any(member => IsVisible(member) && Parameters(member).Length == count);
    }

    private static ParameterInfo[] Parameters(MemberInfo member) =>
        member is MethodBase method ? method.GetParameters()
        : member is PropertyInfo property ? property.GetIndexParameters() : new ParameterInfo[0];

    private static bool IsVisible(MemberInfo member) =>
        member is MethodBase method ? method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly
        : member is PropertyInfo property ? property.GetAccessors(true).Any(IsVisible)
        : member is FieldInfo field && (field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly);

    /// <summary>One more than the commas that do not stand inside of braces or brackets.</summary>
    private static int CountParameters(string list)
    {
        int depth = 0, commas = 0;
        foreach (char letter in list)
        {
            depth += letter == '{' || letter == '[' ? 1 : letter == '}' || letter == ']' ? -1 : 0;
            commas += letter == ',' && depth == 0 ? 1 : 0;
        }
        return commas + 1;
    }
}
