using Normalization.Benchmarks;

namespace Normalization.Tests;

public sealed class PeerDefinitionTests
{
    /// <summary>Who owns a folder can put another program into it, and anybody can own one of the folder for temporary files.</summary>
    [Fact]
    public void No_program_is_built_in_a_folder_that_another_user_can_own()
    {
        string[] programs = [.. PeerDefinition.All.Select(static peer => peer.BuiltProgram).OfType<string>()];
        programs.Should().HaveCount(2).And.OnlyHaveUniqueItems();
        programs.Should().OnlyContain(static program => program.StartsWith(AppContext.BaseDirectory, StringComparison.Ordinal));
    }
}
