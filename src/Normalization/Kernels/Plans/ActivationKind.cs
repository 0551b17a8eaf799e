namespace Normalization.Kernels.Plans;

/// <summary>The activations behind the norm, in the order of the public ones.</summary>
internal enum ActivationKind { None, Relu, Silu, Gelu, GeluTanh }
