using Normalization.Benchmarks;

switch (args)
{
    case ["peers", .. var options]:
        return PeerComparison.Run(options, [new NormalizationContender<float>("plain"), new NormalizationContender<double>("double"), new TensorPrimitivesContender()]);
    default:
        Console.Error.WriteLine("usage: peers [options]");
        return 2;
}
