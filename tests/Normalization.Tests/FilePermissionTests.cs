using System.Diagnostics;
using System.Runtime.Versioning;

namespace Normalization.Tests;

/// <summary>Who may read and write the files of a state, and what is there in place of a file: links, pipes and devices.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class FilePermissionTests
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode ReadOnly = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode Shared = ReadOnly | UnixFileMode.UserWrite | UnixFileMode.GroupWrite;

    private static readonly StateDictionary _state = new() { { "weight", Tensor<float>.Full([3], 1) } };

    [Theory]
    [InlineData(Private, Private)]
    [InlineData(Shared, Private)]
    [InlineData(UnixFileMode.UserWrite | UnixFileMode.UserRead | UnixFileMode.GroupRead, Private)]
    public void Nobody_but_the_owner_can_read_a_file_while_it_replaces_another(UnixFileMode old, UnixFileMode meanwhile)
    {
        using TemporaryFolder folder = UnixFolder();
        SafeTensorsFile.Save(folder["model"], _state);
        File.SetUnixFileMode(folder["model"], old);
        var seen = new List<UnixFileMode>();
        AtomicFile.Save(folder["model"], stream =>
        {
            seen.Add(ModeOfTemporary(folder));
            stream.Write(new byte[100_000]);
            stream.Flush();
            seen.Add(ModeOfTemporary(folder));
        });
        seen.Should().Equal(meanwhile, meanwhile);
        File.GetUnixFileMode(folder["model"]).Should().Be(old);
        new FileInfo(folder["model"]).Length.Should().Be(100_000);
    }

    [Fact]
    public void A_new_file_has_its_permissions_from_the_start()
    {
        using TemporaryFolder folder = UnixFolder();
        File.WriteAllText(folder["ordinary"], "");
        UnixFileMode seen = default;
        AtomicFile.Save(folder["model"], _ => seen = ModeOfTemporary(folder));
        seen.Should().Be(File.GetUnixFileMode(folder["ordinary"]));
        File.GetUnixFileMode(folder["model"]).Should().Be(seen);
    }

    [Fact]
    public void The_permissions_of_the_old_file_are_kept()
    {
        using TemporaryFolder folder = UnixFolder();
        SafeTensorsFile.Save(folder["model"], _state);
        File.SetUnixFileMode(folder["model"], Private);
        SafeTensorsFile.Save(folder["model"], _state);
        File.GetUnixFileMode(folder["model"]).Should().Be(Private);
    }

    /// <summary>An administrator could write it, but the file says that nobody should.</summary>
    [Fact]
    public void A_read_only_file_is_not_replaced_silently()
    {
        using TemporaryFolder folder = UnixFolder();
        File.WriteAllText(folder["model"], "old");
        File.SetUnixFileMode(folder["model"], ReadOnly);
        FluentActions.Invoking(() => SafeTensorsFile.Save(folder["model"], _state)).Should().Throw<UnauthorizedAccessException>();
        File.ReadAllText(folder["model"]).Should().Be("old");
        folder.Files.Should().Equal("model");
    }

    [Fact]
    public void A_symbolic_link_is_replaced_and_its_target_left_alone()
    {
        using TemporaryFolder folder = UnixFolder();
        File.WriteAllText(folder["target"], "old");
        File.SetUnixFileMode(folder["target"], Private);
        File.CreateSymbolicLink(folder["model"], folder["target"]);
        SafeTensorsFile.Save(folder["model"], _state);
        new FileInfo(folder["model"]).LinkTarget.Should().BeNull();
        SafeTensorsFile.Load(folder["model"]).Keys.Should().Equal("weight");
        File.GetUnixFileMode(folder["model"]).Should().Be(Private, "what the target hid is not shown in its place");
        File.ReadAllText(folder["target"]).Should().Be("old");
    }

    [Fact]
    public void A_symbolic_link_to_nothing_is_replaced()
    {
        using TemporaryFolder folder = UnixFolder();
        File.CreateSymbolicLink(folder["model"], folder["missing"]);
        SafeTensorsFile.Save(folder["model"], _state);
        SafeTensorsFile.Load(folder["model"]).Keys.Should().Equal("weight");
        folder.Files.Should().Equal("model");
    }

    [Fact]
    public void A_symbolic_link_to_a_folder_is_not_replaced()
    {
        using TemporaryFolder folder = UnixFolder();
        Directory.CreateDirectory(folder["folder"]);
        File.CreateSymbolicLink(folder["model"], folder["folder"]);
        FluentActions.Invoking(() => SafeTensorsFile.Save(folder["model"], _state)).Should().Throw<UnauthorizedAccessException>();
        new FileInfo(folder["model"]).LinkTarget.Should().Be(folder["folder"]);
    }

    [Fact]
    public async Task A_named_pipe_is_not_opened_to_be_read()
    {
        using TemporaryFolder folder = UnixFolder();
        string pipe = NamedPipe(folder), link = folder["link"];
        File.CreateSymbolicLink(link, pipe);
        foreach (string path in (string[])[pipe, link])
        {
            await FluentActions.Awaiting(() => WithoutWaiting(pipe, () => SafeTensorsFile.Open(path).Dispose())).Should()
                .ThrowAsync<InvalidDataException>().WithMessage("*it has 0 bytes*");
        }
    }

    [Fact]
    public async Task A_named_pipe_is_not_replaced_by_a_file()
    {
        using TemporaryFolder folder = UnixFolder();
        string pipe = NamedPipe(folder);
        await FluentActions.Awaiting(() => WithoutWaiting(pipe, () => SafeTensorsFile.Save(pipe, _state))).Should()
            .ThrowAsync<IOException>().WithMessage("*is a pipe or a device*");
        new FileInfo(pipe).Length.Should().Be(0);
        folder.Files.Should().Equal("pipe");
    }

    private static TemporaryFolder UnixFolder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Unix has these permissions.");
        return new();
    }

    private static UnixFileMode ModeOfTemporary(TemporaryFolder folder) =>
        File.GetUnixFileMode(folder[folder.Files.Single(static name => name.EndsWith(".safetensors.tmp", StringComparison.Ordinal))]);

    private static string NamedPipe(TemporaryFolder folder)
    {
        string path = folder["pipe"];
        using Process process = Process.Start("mkfifo", [path]);
        process.WaitForExit();
        process.ExitCode.Should().Be(0);
        return path;
    }

    /// <summary>A call that waits for the other end of a pipe would do so for ever: it is given that end, and the test fails.</summary>
    private static async Task WithoutWaiting(string pipe, Action call)
    {
        Task calling = Task.Run(call);
        bool isWaiting = await Task.WhenAny(calling, Task.Delay(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken)) != calling;
        if (isWaiting)
            File.OpenHandle(pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
        isWaiting.Should().BeFalse();
        await calling;
    }
}
