using Normalization.Kernels.Plans;

namespace Normalization.Kernels.Loops;

/// <summary>What is compiled for each activation.</summary>
internal interface IActivationJob
{
    void Run<TActivation>() where TActivation : IActivation;
}

/// <summary>The one place that picks an activation.</summary>
internal static class ActivationDispatch
{
    public static void Run<TJob>(ActivationKind kind, TJob job) where TJob : struct, IActivationJob, allows ref struct
    {
        switch (kind)
        {
            case ActivationKind.None:
                job.Run<NoActivation>();
                break;
            case ActivationKind.Relu:
                job.Run<ReluActivation>();
                break;
            case ActivationKind.Silu:
                job.Run<SiluActivation>();
                break;
            case ActivationKind.Gelu:
                job.Run<GeluActivation>();
                break;
            default:
                job.Run<GeluTanhActivation>();
                break;
        }
    }
}
