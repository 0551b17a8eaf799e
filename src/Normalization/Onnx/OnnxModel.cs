using System.Numerics;
using System.Text;

namespace Normalization;

/// <summary>
/// The normalization operators of an ONNX model as layers: BatchNormalization, InstanceNormalization, GroupNormalization,
/// LayerNormalization, RMSNormalization and SimplifiedLayerNormalization, with their attributes and constants.
/// </summary>
/// <remarks>
/// <para>
/// Only these operators and their constants are read. The rest of the file is skipped, so the file may be larger than memory. Their
/// constants are initializers or the outputs of Constant operators, of float, double, float16 or bfloat16, in the model or in files
/// beside it. Operators inside of functions and of the branches of If and Loop are not looked for, and a normalization that an exporter
/// has taken apart into single operations is not recognized.
/// </para>
/// <para>
/// The file is not trusted. An <see cref="InvalidDataException"/> refuses a file whose parts are longer than what contains them, whose
/// constants do not have the bytes of their shapes, or whose names are not valid UTF-8 or too long. Elements are read from other files
/// only if these lie in the folder of the model or below it.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// OnnxModel model = OnnxModel.Load(path);
/// LayerDictionary&lt;float> layers = model.CreateLayers&lt;float>(inputRank: 4);  // images: BatchNormalization is BatchNorm2d
/// layers.Eval();
/// </code>
/// </example>
public sealed class OnnxModel
{
    private readonly List<OnnxNormalization> _normalizations = [];
    private readonly List<string> _notRead = [];

    private OnnxModel(ByteSource source, string? folder)
    {
        var protobuf = new ProtobufReader(source);
        var graph = new OnnxGraph(protobuf);
        foreach (OnnxNode node in graph.Nodes)
        {
            if (OnnxNormalization.Read(protobuf, graph, node, folder, out string problem) is OnnxNormalization normalization)
                _normalizations.Add(normalization);
            else
                _notRead.Add($"{KeyText.Shown(node.Name)} ({node.Operator}) {problem}.");
        }
        _notRead.AddRange(graph.OtherNodes.Select(static node =>
            $"{KeyText.Shown(node.Name)} is a {KeyText.Shown(node.Operator)}, which no layer of this library computes."));
    }

    /// <summary>Gets the operators that are layers here, in the order of the model.</summary>
    public IReadOnlyList<OnnxNormalization> Normalizations => _normalizations;

    /// <summary>Gets a sentence for each normalization that could not be read; it begins with the name of the operator.</summary>
    public IReadOnlyList<string> NotRead => _notRead;

    /// <summary>Reads a model and closes its file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The model's normalization operators, whose values are in memory.</returns>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="InvalidDataException">The file is not a valid ONNX model.</exception>
    /// <exception cref="IOException">The file, or one with constants beside it, is not there or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file must not be read.</exception>
    public static OnnxModel Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var source = new FileSource(path);
        return new(source, Path.GetDirectoryName(Path.GetFullPath(path)));
    }

    /// <summary>Reads a model from memory; it cannot have constants in other files.</summary>
    /// <param name="content">The bytes of the model.</param>
    /// <returns>The model's normalization operators.</returns>
    /// <exception cref="InvalidDataException">The bytes are not a valid ONNX model.</exception>
    public static OnnxModel Parse(ReadOnlyMemory<byte> content)
    {
        using var source = new MemorySource(content);
        return new(source, null);
    }

    /// <summary>Creates one layer for each operator. The name of the operator is the key of the layer.</summary>
    /// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
    /// <param name="inputRank">
    /// How many dimensions the inputs of BatchNormalization have where the model does not say so: 2 or 3 for
    /// <see cref="BatchNorm1d{T}"/>, 4 for <see cref="BatchNorm2d{T}"/>, 5 for <see cref="BatchNorm3d{T}"/>.
    /// </param>
    /// <returns>The layers, in training mode as all new layers.</returns>
    /// <exception cref="ArgumentException">Two operators have one name, or a value is not finite or is a negative variance.</exception>
    /// <exception cref="InvalidOperationException">The model does not say enough of an operator; the message says what to pass.</exception>
    public LayerDictionary<T> CreateLayers<T>(int? inputRank = null)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var layers = new LayerDictionary<T>();
        foreach (OnnxNormalization normalization in _normalizations)
            layers.Add(normalization.Name, normalization.CreateLayer<T>(inputRank));
        return layers;
    }

    /// <summary>Returns a report: every normalization with its constants, and what could not be read.</summary>
    /// <returns>The report, of several lines.</returns>
    public override string ToString()
    {
        var text = new StringBuilder($"ONNX: {_normalizations.Count} normalizations read, {_notRead.Count} not.");
        foreach (string line in KeyText.Limited([.. _normalizations.Select(static normalization => normalization.ToString()), .. _notRead]))
            text.Append("\n  ").Append(line);
        return text.ToString();
    }
}
