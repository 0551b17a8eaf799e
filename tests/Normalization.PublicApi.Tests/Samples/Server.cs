using Normalization;

namespace Samples;

internal static class Server
{
    public static void Run()
    {
        int before = NormalizationParallelism.MaxDegree;
        try
        {
            // begin-sample server
            NormalizationParallelism.MaxDegree = 1;
            // end-sample
        }
        finally
        {
            NormalizationParallelism.MaxDegree = before;
        }
    }
}
