namespace Normalization.Tests;
public sealed class FirstTest { [Fact] public void Runs() => new BatchNorm1d<float>(3).NumFeatures.Should().Be(3); }
