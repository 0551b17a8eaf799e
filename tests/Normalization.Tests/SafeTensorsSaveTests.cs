namespace Normalization.Tests;

/// <summary>A save replaces the whole file or leaves the old one.</summary>
public sealed class SafeTensorsSaveTests
{
    private static readonly StateDictionary _state = new() { { "weight", Tensor<float>.Full([3], 1) } };

    [Fact]
    public void A_file_is_replaced_and_nothing_is_left_beside_it()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["model"], new string('x', 100_000));
        SafeTensorsFile.Save(folder["model"], _state);
        File.ReadAllBytes(folder["model"]).Should().Equal(StateBytes.Of(_state));
        folder.Files.Should().Equal("model");
    }

    [Fact]
    public void A_save_that_fails_leaves_the_old_file_and_nothing_beside_it()
    {
        using var folder = new TemporaryFolder();
        SafeTensorsFile.Save(folder["model"], _state);
        byte[] before = File.ReadAllBytes(folder["model"]);
        SafeTensorsFile closed = SafeTensorsFile.Open(folder["model"]);
        closed.Dispose();
        FluentActions.Invoking(() => SafeTensorsFile.Save(folder["model"], closed.State)).Should().Throw<ObjectDisposedException>();
        File.ReadAllBytes(folder["model"]).Should().Equal(before);
        Directory.CreateDirectory(folder["folder"]);
        FluentActions.Invoking(() => SafeTensorsFile.Save(folder["folder"], _state)).Should().Throw<Exception>()
            .Which.Should().Match(static exception => exception is IOException || exception is UnauthorizedAccessException);
        FluentActions.Invoking(() => SafeTensorsFile.Save(folder["missing/model"], _state)).Should().Throw<DirectoryNotFoundException>();
        folder.Files.Should().Equal("model");
    }

    [Fact]
    public void The_file_that_is_being_read_can_be_saved_over()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows does not replace an open file.");
        using var folder = new TemporaryFolder();
        SafeTensorsFile.Save(folder["model"], new() { { "a", Tensor<float>.Full([50_000], 1) }, { "b", Tensor<double>.Full([3], 2) }, { "c", 3 } });
        byte[] before = File.ReadAllBytes(folder["model"]);
        using SafeTensorsFile file = SafeTensorsFile.Open(folder["model"]);
        StateDictionary more = new() { { "d", 4 } };
        foreach ((string key, StateValue value) in file.State)
            more.Add(key, value);
        SafeTensorsFile.Save(folder["model"], more);
        StateBytes.Of(file.State).Should().Equal(before, "an open file goes on giving the old values");
        SafeTensorsFile.Load(folder["model"]).Keys.Should().BeEquivalentTo("a", "b", "c", "d");
    }

    [Fact]
    public void What_cannot_be_written_is_refused_before_anything_is()
    {
        using var folder = new TemporaryFolder();
        Refuse<ArgumentException>(folder, new() { { "__metadata__", 1 } }, "*__metadata__*");
        Refuse<ArgumentException>(folder, new() { { "a\ud800", 1 } }, @"a\uD800 is not valid Unicode*");
        Refuse<ArgumentNullException>(folder, null!, "*state*");
        FluentActions.Invoking(() => SafeTensorsFile.Save(folder["model"], _state, new Dictionary<string, string> { ["a"] = null! })).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => SafeTensorsFile.Save(folder["model"], _state, new Dictionary<string, string> { ["a"] = "\udc00" })).Should().Throw<ArgumentException>();
        FluentActions.Invoking(static () => SafeTensorsFile.Write(null!, _state)).Should().Throw<ArgumentNullException>();
        folder.Files.Should().BeEmpty();
    }

    private static void Refuse<TException>(TemporaryFolder folder, StateDictionary state, string message) where TException : Exception =>
        FluentActions.Invoking(() => SafeTensorsFile.Save(folder["model"], state)).Should().Throw<TException>().WithMessage(message);
}
