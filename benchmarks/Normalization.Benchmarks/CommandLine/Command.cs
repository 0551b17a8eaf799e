namespace Normalization.Programs;

/// <summary>A command of a program: its name, what may follow the name, what it does, and the work, which returns the exit code.</summary>
internal sealed record Command(string Name, string Synopsis, string Description, Func<Options, int> Run);

/// <summary>A program that consists of commands. Its help names them first, and then what is the same for all.</summary>
internal sealed class CommandProgram(string purpose, IReadOnlyList<Command> commands, string footer)
{
    private const int UsageError = 2;
    private const string Indent = "      ";
    private static readonly string[] _help = ["--help", "-h", "help"];

    /// <summary>Runs the command that the first argument names, and returns the exit code.</summary>
    public int Run(ReadOnlySpan<string> arguments)
    {
        try
        {
            if (arguments.IsEmpty)
                throw new UsageException("a command is missing");
            string name = arguments[0];
            if (_help.Contains(name))
                return Explain($"{purpose}\n\nCommands:\n\n{string.Join("\n", commands.Select(Text))}\n{footer}");
            Command command = commands.FirstOrDefault(known => known.Name == name)
                ?? throw new UsageException($"unknown command '{name}'{Suggestion.For(name, commands.Select(static known => known.Name))}");
            foreach (string argument in arguments[1..])
            {
                if (argument is "--help" or "-h")
                    return Explain(Text(command));
            }
            return command.Run(new Options(arguments[1..]));
        }
        catch (UsageException exception)
        {
            Console.Error.WriteLine($"error: {exception.Message}; --help explains");
            return UsageError;
        }
    }

    private static int Explain(string text)
    {
        Console.WriteLine(text.TrimEnd());
        return 0;
    }

    private static string Text(Command command) =>
        $"  {$"{command.Name} {command.Synopsis}".TrimEnd()}\n{Indent}{command.Description.ReplaceLineEndings("\n" + Indent)}\n";
}
