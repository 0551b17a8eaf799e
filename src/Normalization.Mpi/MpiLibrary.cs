using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Normalization.Mpi;

/// <summary>The installed MPI: finds it, tells which one it is, and knows its handles.</summary>
internal sealed class MpiLibrary
{
    /// <summary>Names the library to load instead of those that are looked for.</summary>
    public const string PathVariable = "NORMALIZATION_MPI_LIBRARY";

    private const int LongestText = 1 << 14;

    private static readonly string[] _openMpi = ["libmpi.so.40", "libmpi.40.dylib"];
    private static readonly string[] _mpich = ["libmpi.so.12", "libmpich.so.12", "libmpi.12.dylib"];

    private static nint s_handle;

    private MpiLibrary(string name, nint world, nint @double, nint errorsReturn, int anySource)
    {
        (Name, World, Double, ErrorsReturn, AnySource) = (name, world, @double, errorsReturn, anySource);
    }

    /// <summary>Gets the first line of what the library says about itself.</summary>
    public string Name { get; }

    /// <summary>Gets MPI_COMM_WORLD.</summary>
    public nint World { get; }

    /// <summary>Gets MPI_DOUBLE.</summary>
    public nint Double { get; }

    /// <summary>Gets MPI_ERRORS_RETURN.</summary>
    public nint ErrorsReturn { get; }

    /// <summary>Gets MPI_ANY_SOURCE.</summary>
    public int AnySource { get; }

    /// <summary>Gets a value indicating whether a launcher has started this process.</summary>
    public static bool IsLaunched => IsLaunchedByOpenMpi || Has("PMI_RANK") || Has("PMIX_RANK");

    /// <summary>Gets the number of processes that the launcher says it has started, where it says so.</summary>
    public static int? LaunchedSize =>
        int.TryParse(
            Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_SIZE") ?? Environment.GetEnvironmentVariable("PMI_SIZE"),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out int size) ? size : null;

    private static bool IsLaunchedByOpenMpi => Has("OMPI_COMM_WORLD_RANK");

    public static MpiLibrary Load()
    {
        if (s_handle == 0)
        {
            // UCX, below either MPI, would take over the signals from which .NET makes NullReferenceException and others.
            _ = NativeMethods.SetEnvironmentVariable("UCX_ERROR_SIGNALS", "", 0);
            s_handle = Find();
            NativeLibrary.SetDllImportResolver(
                typeof(MpiLibrary).Assembly, static (name, _, _) => name == NativeMethods.Mpi ? s_handle : 0);
        }
        return Identify(s_handle);
    }

    /// <summary>Throws if a function of MPI has failed.</summary>
    public static void Check(int error, string function)
    {
        if (error != NativeMethods.Success)
            throw new CollectiveException($"{function} failed: {Describe(error)}");
    }

    private static string Describe(int error) =>
        Text((Span<byte> text, out int length) => NativeMethods.MPI_Error_string(error, text, out length));

    private static nint Find()
    {
        string? chosen = Environment.GetEnvironmentVariable(PathVariable);
        // Started by one of the two, the process belongs to that one, even where both are installed.
        string[] names = !string.IsNullOrEmpty(chosen) ? [chosen]
            : Has("PMI_RANK") && !IsLaunchedByOpenMpi ? [.. _mpich, .. _openMpi]
            : [.. _openMpi, .. _mpich];
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, typeof(MpiLibrary).Assembly, DllImportSearchPath.SafeDirectories, out nint handle))
                return handle;
        }
        throw new DllNotFoundException(
            $"No MPI library was found (looked for {string.Join(", ", names)}). Install Open MPI or MPICH, on Debian and Ubuntu with "
            + $"'apt-get install openmpi-bin' or 'apt-get install mpich', or name its library in the environment variable {PathVariable}.");
    }

    private static MpiLibrary Identify(nint handle)
    {
        if (!NativeLibrary.TryGetExport(handle, nameof(NativeMethods.MPI_Get_library_version), out _))
            throw Unknown("it has no MPI_Get_library_version, so it is no MPI of version 3 or later");
        string firstLine = Text(NativeMethods.MPI_Get_library_version).Split('\n', ',')[0];
        string name = string.Join(' ', firstLine.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (NativeLibrary.TryGetExport(handle, "ompi_mpi_comm_world", out nint world))
        {
            return new(
                name,
                world,
                NativeLibrary.GetExport(handle, "ompi_mpi_double"),
                NativeLibrary.GetExport(handle, "ompi_mpi_errors_return"),
                anySource: -1);
        }
        // The handles of the common binary interface of MPICH and its descendants.
        string[] descendants = ["MPICH", "Intel(R) MPI", "MVAPICH", "CRAY MPICH"];
        return descendants.Any(start => name.StartsWith(start, StringComparison.OrdinalIgnoreCase))
            ? new(name, 0x44000000, 0x4c00080b, 0x54000001, anySource: -2)
            : throw Unknown($"'{name}' is neither Open MPI nor MPICH or a descendant of it");
    }

    private static DllNotFoundException Unknown(string what) =>
        new($"The MPI library cannot be used: {what}. Name another one in the environment variable {PathVariable}.");

    private static string Text(Fill fill)
    {
        byte[] text = new byte[LongestText];
        return fill(text, out int length) == NativeMethods.Success ? Encoding.UTF8.GetString(text, 0, length).TrimEnd('\0') : "?";
    }

    private static bool Has(string variable) => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable));

    private delegate int Fill(Span<byte> text, out int length);
}
