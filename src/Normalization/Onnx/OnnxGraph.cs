namespace Normalization;

/// <summary>An operator of a model as it stands in the file.</summary>
internal sealed record OnnxNode(string Name, string Operator, IReadOnlyList<string> Inputs, IReadOnlyDictionary<string, double> Attributes);

/// <summary>
/// Finds the normalization operators of a model and what they need: the constants among their inputs, and the shapes of the others.
/// Everything else in the file is skipped.
/// </summary>
internal sealed class OnnxGraph
{
    private const int MostInputs = 64, MostAttributes = 64, MostDimensions = 64;

    private readonly ProtobufReader _protobuf;
    private readonly Dictionary<string, string> _sameAs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ProtobufField> _constants = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long[]> _shapes = new(StringComparer.Ordinal);

    public OnnxGraph(ProtobufReader protobuf)
    {
        _protobuf = protobuf;
        ProtobufField? graph = null;
        foreach (ProtobufField field in protobuf.Fields(0, protobuf.Length))
        {
            if (field.Number == 8)
                ReadOperatorSet(field);
            else if (field.Number == 7)
                graph = graph is null ? field : throw protobuf.Error("it has two graphs");
        }
        if (graph is not ProtobufField found)
            throw protobuf.Error("it has no graph");
        foreach (ProtobufField field in protobuf.Fields(found).Where(static field => field.Number == 1))
            ReadNode(field);
        var wanted = Nodes.SelectMany(node => node.Inputs.Select(Origin).Append(node.Inputs[0])).ToHashSet(StringComparer.Ordinal);
        foreach (ProtobufField field in protobuf.Fields(found))
            ReadInput(field, wanted);
    }

    /// <summary>The version of ONNX's own operators; 1 unless the model says another.</summary>
    public long OperatorSet { get; private set; } = 1;

    public List<OnnxNode> Nodes { get; } = [];

    /// <summary>Operators whose names speak of normalization and that no layer here does.</summary>
    public List<OnnxNode> OtherNodes { get; } = [];

    /// <summary>The sizes of a value as far as the model says them, -1 for the others; null if it says nothing.</summary>
    public long[]? ShapeOf(string name) => _shapes.GetValueOrDefault(name);

    /// <summary>The place of a constant, or null if the value is computed.</summary>
    public ProtobufField? ConstantOf(string name) => _constants.TryGetValue(Origin(name), out ProtobufField tensor) ? tensor : null;

    private static bool IsRead(string domain, string type) => type switch
    {
        "BatchNormalization" or "InstanceNormalization" or "GroupNormalization" or "LayerNormalization" or "RMSNormalization" =>
            domain is "" or "ai.onnx",
        "SimplifiedLayerNormalization" => domain is "" or "ai.onnx" or "com.microsoft",
        _ => false,
    };

    private static bool SpeaksOfNormalization(string type) =>
        type.Contains("Normalization", StringComparison.Ordinal) || type.EndsWith("Norm", StringComparison.Ordinal);

    /// <summary>The first of the values that one after another are the same; a ring of them has no first one.</summary>
    private string Origin(string name)
    {
        for (int i = 0; i <= _sameAs.Count && _sameAs.TryGetValue(name, out string? other); i++)
            name = other;
        return name;
    }

    private void ReadOperatorSet(ProtobufField message)
    {
        string domain = "";
        long version = 0;
        foreach (ProtobufField field in _protobuf.Fields(message))
        {
            if (field.Number == 1)
                domain = _protobuf.Text(field);
            else if (field.Number == 2)
                version = _protobuf.Integer(field);
        }
        if (domain is "" or "ai.onnx")
            OperatorSet = version;
    }

    private void ReadNode(ProtobufField message)
    {
        string type = "", domain = "", name = "";
        foreach (ProtobufField field in _protobuf.Fields(message))
        {
            if (field.Number == 3)
                name = _protobuf.Text(field);
            else if (field.Number == 4)
                type = _protobuf.Text(field);
            else if (field.Number == 7)
                domain = _protobuf.Text(field);
        }
        bool isRead = IsRead(domain, type);
        if (!isRead && type is not ("Identity" or "Constant") && !SpeaksOfNormalization(type))
            return;
        List<string> inputs = [], outputs = [];
        ProtobufField? constant = null;
        Dictionary<string, double> attributes = new(StringComparer.Ordinal);
        foreach (ProtobufField field in _protobuf.Fields(message))
        {
            if (field.Number is 1 or 2)
                (field.Number == 1 ? inputs : outputs).Add(_protobuf.Text(field));
            else if (field.Number == 5 && type == "Constant")
                constant ??= TensorOf(field);
            else if (field.Number == 5 && isRead)
                ReadAttribute(field, attributes);
            if (inputs.Count > MostInputs || outputs.Count > MostInputs || attributes.Count > MostAttributes)
                throw _protobuf.Error($"the operator {KeyText.Shown(name)} has more than {MostInputs} inputs, outputs or attributes");
        }
        if (type is "Identity" or "Constant")
        {
            if (type == "Identity" && inputs is [string input] && outputs is [string same])
                _sameAs[same] = input;
            else if (constant is ProtobufField tensor && outputs is [string value])
                _constants[value] = tensor;
            return;
        }
        if (inputs.Count == 0)
            throw _protobuf.Error($"the operator {KeyText.Shown(name)} has no input");
        (isRead ? Nodes : OtherNodes).Add(new(name.Length > 0 ? name : outputs.FirstOrDefault(type), type, inputs, attributes));
    }

    private ProtobufField? TensorOf(ProtobufField attribute)
    {
        foreach (ProtobufField field in _protobuf.Fields(attribute))
        {
            if (field.Number == 5)
                return field;
        }
        return null;
    }

    private void ReadAttribute(ProtobufField attribute, Dictionary<string, double> attributes)
    {
        string name = "";
        double? value = null;
        foreach (ProtobufField field in _protobuf.Fields(attribute))
        {
            if (field.Number == 1)
                name = _protobuf.Text(field);
            else if (field.Number == 2)
                value = _protobuf.Single(field);
            else if (field.Number == 3)
                value = _protobuf.Integer(field);
        }
        if (value is double number)
            attributes[name] = number;
    }

    private void ReadInput(ProtobufField field, HashSet<string> wanted)
    {
        // Initializers bear their name in field 8; inputs, outputs and described values in field 1, and their type in field 2.
        if (field.Number is not (5 or 11 or 12 or 13))
            return;
        string name = "";
        ProtobufField? type = null;
        foreach (ProtobufField part in _protobuf.Fields(field))
        {
            if (part.Number == (field.Number == 5 ? 8 : 1))
                name = _protobuf.Text(part);
            else if (part.Number == 2 && field.Number != 5)
                type = part;
        }
        if (!wanted.Contains(name))
            return;
        if (field.Number == 5 && !_constants.TryAdd(name, field))
            throw _protobuf.Error($"{KeyText.Shown(name)} is there twice");
        if (type is ProtobufField described && ShapeIn(described) is long[] shape)
            _shapes[name] = shape;
    }

    private long[]? ShapeIn(ProtobufField type)
    {
        long[]? shape = null;
        IEnumerable<ProtobufField> tensor = _protobuf.Fields(type).Where(static field => field.Number == 1).SelectMany(_protobuf.Fields);
        foreach (ProtobufField part in tensor.Where(static field => field.Number == 2))
        {
            ProtobufField[] sizes = [.. _protobuf.Fields(part).Where(static field => field.Number == 1).Take(MostDimensions + 1)];
            if (sizes.Length > MostDimensions)
                throw _protobuf.Error($"a shape has more than {MostDimensions} dimensions");
            shape = Array.ConvertAll(sizes, SizeIn);
        }
        return shape;
    }

    private long SizeIn(ProtobufField dimension)
    {
        long size = -1;
        foreach (ProtobufField field in _protobuf.Fields(dimension))
            size = field.Number == 1 ? _protobuf.Integer(field) : size;
        return size;
    }
}
