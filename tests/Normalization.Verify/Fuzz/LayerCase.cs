using System.Numerics;
using Normalization.Verify.Numerics;

namespace Normalization.Verify.Fuzz;

/// <summary>One layer through a few calls, right and wrong ones in any order.</summary>
internal sealed partial class LayerCase<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly FuzzRandom _random;
    private readonly LayerModel<T> _model;
    private readonly ForwardContext<T>[] _contexts = [new(), new()];
    private readonly Dictionary<ForwardContext<T>, Pass> _passes = [];
    private readonly ForwardContext<T> _own = new();

    // Those that the running statistics have seen since their count was set: they have no weight in the cumulative average.
    private long _emptyBatches;

    private LayerCase(FuzzRandom random, LayerModel<T> model) => (_random, _model) = (random, model);

    private sealed record Pass(Tensor<T> Input, Geometry Geometry, Reference Exact, bool IsFinite, bool IsSpan, T[] Output);

    private NormalizationLayer<T> Layer => _model.Layer;

    public static void Run(FuzzRandom random)
    {
        if (LayerModel<T>.Create(random) is not { } model)
            return;
        var @case = new LayerCase<T>(random, model);
        foreach (Parameter<T> parameter in model.Layer.Parameters)
            Values.Fill(parameter.Value.Span, 5, center: 1, spread: 0.5);
        for (int i = 1 + random.Below(5); i > 0; i--)
            @case.Step();
    }

    private void Step()
    {
        switch (_random.Below(10))
        {
            case 0:
                Layer.Eval();
                _passes.Remove(_own);
                break;
            case 1:
                Layer.Train();
                break;
            case 2:
                SetOptions();
                break;
            case < 6:
                Forward();
                break;
            case 6:
                if (_random.Chance(0.5))
                    Repeat();
                else
                    Recalibrate();
                break;
            default:
                Backward();
                break;
        }
    }

    private void SetOptions()
    {
        foreach (Parameter<T> parameter in Layer.Parameters)
            parameter.RequiresGradient = _random.Chance(0.7);
        if (Layer is not RunningStatisticsLayer<T> layer)
            return;
        LayerSnapshot<T> before = Snapshot();
        double momentum = _random.Of(0, 1, 0.3, -1, 2, double.NaN);
        long batches = _random.Of(0L, 5L, -1L);
        if ((momentum is >= 0 and <= 1 ? Outcome.Success : Outcome.Argument).Throws("Momentum", () => layer.Momentum = momentum))
            before.RequireUnchanged("a refused Momentum");
        Outcome expected = _model.HasRunning ? batches < 0 ? Outcome.Argument : Outcome.Success : batches < 0 ? Outcome.Argument | Outcome.Order : Outcome.Order;
        if (!expected.Throws("BatchesTracked", () => layer.BatchesTracked = batches))
            _emptyBatches = 0;
        bool isFrozen = _random.Chance(0.5);
        (_model.HasRunning || !isFrozen ? Outcome.Success : Outcome.Order).Throws("UseRunningStatistics", () => layer.UseRunningStatistics = isFrozen);
    }

    private void Forward()
    {
        int[] shape = WrongAtTimes(_model.Shape(_random));
        int length = Lengths(shape);
        var block = new T[(2 * length) + 3];
        var input = new Tensor<T>(block.AsMemory(0, length), shape);
        bool isFinite = _random.Fill(input.Span);
        Tensor<T>? output = ForwardOutput(block, shape, length, out bool overlaps, out bool isInput);
        ForwardContext<T>? context = _random.Chance(0.3) ? _random.Of(_contexts) : null;
        bool remembers = context is not null || Layer.IsTraining, updates = context is null || _random.Chance(0.7);
        if (context is not null)
            context.UpdateRunningStatistics = updates;
        Geometry? geometry = _model.Describe(shape);
        bool isRight = geometry is not null && output is not null && output.Shape.SequenceEqual(shape) && !overlaps && !(isInput && remembers);
        LayerSnapshot<T> before = Snapshot(("memory", block));
        double[] x = Values.ToDoubles<T>(input.Span);
        bool usesNew = output is not null && !isInput && !overlaps && context is null && _random.Chance(0.2);
        bool usesSpans = !usesNew && output is not null && shape.Length > 0 && _random.Chance(0.3);
        string name = $"{Layer.GetType().Name[..^2]}.Forward";
        Outcome expected = usesSpans && context is null && Layer.IsTraining ? Outcome.Order
            : isRight || (usesNew && geometry is not null) ? Outcome.Success
            : Outcome.Argument;
        if (expected.Throws(name, Call))
        {
            before.RequireUnchanged($"{name}, which threw,");
            RequireRemembered(name);
            return;
        }
        Tensor<T> result = output!;
        before.RequireUnchanged(name, "memory", "running mean", "running variance", "options", "contexts");
        if (!isInput)
            FuzzFailure.Require(before.Kept("memory").AsSpan(0, length).SequenceEqual(block.AsSpan(0, length)), $"{name} changed its input");
        bool isFollowed = Layer.IsTraining && !_model.HasFixedStatistics && !_model.IsRecalibrated && updates;
        if (!isFollowed)
            before.RequireUnchanged($"{name} with running statistics that do not follow", "memory", context is null ? "" : "contexts");
        Reference exact = Exact(geometry!, x);
        if (_model.IsRecalibrated && updates && length > 0)
            _seen.Add((geometry!, exact, isFinite));
        ResultJudge.RequireOutput(name, exact, geometry!, x, ValuesOf(Layer.Weight), ValuesOf(Layer.Bias), result.Span);
        if (isFollowed && length == 0)
            _emptyBatches++;
        if (isFollowed && isFinite && length > 0)
            RequireRunning(name, geometry!, exact, before);
        if (remembers)
            _passes[context ?? _own] = new(input, geometry!, exact, isFinite, usesSpans, result.Span.ToArray());

        void Call()
        {
            if (usesNew)
                output = Layer.Forward(input);
            else if (usesSpans && context is not null)
                Layer.Forward(input, output!.AsTensorSpan(), context);
            else if (usesSpans)
                Layer.Forward(input, output!.AsTensorSpan());
            else if (context is not null)
                Layer.Forward(input, output!, context);
            else
                Layer.Forward(input, output!);
        }
    }

    private Tensor<T>? ForwardOutput(T[] block, int[] shape, int length, out bool overlaps, out bool isInput)
    {
        (overlaps, isInput) = (false, false);
        switch (_random.Below(20))
        {
            case 0:
                return null;
            case 1:
                isInput = length > 0;
                return new(block.AsMemory(0, length), shape);
            case 2:
                overlaps = length > 1;
                return new(block.AsMemory(Math.Min(1, length), length), shape);
            case 3 when Layer.Weight is { } weight && weight.Value.Length >= length:
                overlaps = length > 0;
                return new(weight.Value.Memory[..length], shape);
            case 4 when _model.Running is { RunningVariance: { } variance } && variance.Length >= length:
                overlaps = length > 0;
                return new(variance.Memory[..length], shape);
            case 5:
                return new(block.AsMemory(length, length), [.. shape, 1]);
            default:
                return new(block.AsMemory(length + _random.Below(3), length), shape);
        }
    }

    private void Backward()
    {
        ForwardContext<T>? context = _random.Chance(0.4) ? _random.Of(_contexts) : null;
        bool isRemembered = _passes.TryGetValue(context ?? _own, out Pass? pass) && (context is not null || Layer.IsTraining);
        int[] shape = WrongAtTimes(pass?.Input.Shape.ToArray() ?? _model.Shape(_random));
        int length = Lengths(shape);
        var block = new T[(2 * length) + 3];
        var gradient = new Tensor<T>(block.AsMemory(0, length), shape);
        bool isFinite = _random.Fill(gradient.Span);
        double[] dy = Values.ToDoubles<T>(gradient.Span);
        bool overlaps = false;
        Tensor<T>? inputGradient = _random.Below(16) switch
        {
            0 => null,
            1 => gradient,
            2 => Overlapping(block.AsMemory(Math.Min(1, length), length), length > 1),
            3 when pass is not null && pass.Input.Length == length => Overlapping(pass.Input.Memory, length > 0),
            4 when Layer.Weight is { } weight && weight.Value.Length >= length => Overlapping(weight.Value.Memory[..length], length > 0),
            5 when Layer.Bias is { } bias && bias.Gradient.Length >= length => Overlapping(bias.Gradient.Memory[..length], length > 0),
            6 => new(block.AsMemory(length, length), [.. shape, 1]),
            _ => new(block.AsMemory(length + _random.Below(3), length), shape),
        };
        bool fits = pass is not null && shape.AsSpan().SequenceEqual(pass.Input.Shape);
        bool isRight = inputGradient is not null && inputGradient.Shape.SequenceEqual(shape) && !overlaps && fits;
        bool usesSpans = context is not null && pass is not null && inputGradient is not null && shape.Length > 0 && _random.Chance(0.5);
        Outcome expected = isRemembered && (usesSpans || !pass!.IsSpan)
            ? isRight ? Outcome.Success : Outcome.Argument
            : inputGradient is null ? Outcome.Argument | Outcome.Order : Outcome.Order;
        LayerSnapshot<T> before = Snapshot(("memory", block), ("input", pass?.Input.Memory ?? default));
        string name = $"{Layer.GetType().Name[..^2]}.Backward";
        if (expected.Throws(name, Call))
        {
            before.RequireUnchanged($"{name}, which threw,");
            RequireRemembered(name);
            return;
        }
        before.RequireUnchanged(name, ["memory", .. Layer.Parameters.Where(p => p.RequiresGradient).Select(p => p.Name + " gradient")]);
        if (isFinite && pass!.IsFinite)
        {
            ResultJudge.RequireGradients(
                name, pass.Exact, pass.Geometry, dy, ValuesOf(Layer.Weight), inputGradient!.Span, Gain(before, Layer.Weight), Gain(before, Layer.Bias));
        }
        // Gradients that hold a NaN would hide everything that comes after.
        Layer.ZeroGradients();

        Tensor<T> Overlapping(Memory<T> memory, bool isOverlap)
        {
            overlaps = isOverlap;
            return new(memory, shape);
        }

        void Call()
        {
            if (usesSpans)
                Layer.Backward(pass!.Input, gradient, inputGradient!.AsTensorSpan(), context!);
            else if (context is not null)
                Layer.Backward(gradient, inputGradient!, context);
            else
                Layer.Backward(gradient, inputGradient!);
        }
    }

    /// <summary>After a refused call the layer still goes backward through the pass before it.</summary>
    private void RequireRemembered(string name)
    {
        if (!Layer.IsTraining || !_passes.TryGetValue(_own, out Pass? pass) || !pass.IsFinite)
            return;
        var dy = new Tensor<T>(pass.Input.Shape);
        Values.Fill(dy.Span, 6);
        Layer.ZeroGradients();
        Tensor<T> dx = Layer.Backward(dy);
        ResultJudge.RequireGradients(
            $"{name}, which threw, changed the remembered pass",
            pass.Exact,
            pass.Geometry,
            Values.ToDoubles<T>(dy.Span),
            ValuesOf(Layer.Weight),
            dx.Span,
            GradientOf(Layer.Weight),
            GradientOf(Layer.Bias));
        Layer.ZeroGradients();
    }

    private void RequireRunning(string name, Geometry geometry, Reference exact, LayerSnapshot<T> before)
    {
        if (_model.Running is not { RunningMean: { } mean, RunningVariance: { } variance } running)
            return;
        double momentum = running.Momentum ?? (1.0 / (running.BatchesTracked - _emptyBatches));
        ResultJudge.RequireRunning(name, geometry, exact, isVariance: false, momentum, before.Kept("running mean"), mean.Span);
        ResultJudge.RequireRunning(name, geometry, exact, isVariance: true, momentum, before.Kept("running variance"), variance.Span);
    }

    private Reference Exact(Geometry geometry, double[] x) => _model is { HasFixedStatistics: true, Running: { RunningMean: { } mean, RunningVariance: { } variance } }
        ? Reference.OfStatistics(geometry, x, Values.ToDoubles<T>(mean.Span), Values.ToDoubles<T>(variance.Span), Layer.Epsilon)
        : Reference.OfInput(geometry, x, Layer.Epsilon);

    private LayerSnapshot<T> Snapshot(params IEnumerable<(string Name, Memory<T> Memory)> memories) => new(_model, memories, _contexts);

    private int[] WrongAtTimes(int[] shape) => _random.Below(12) switch
    {
        0 => _random.Shape(_random.Below(6)),
        1 => [.. shape, 1],
        2 when shape.Length > 1 => [0, .. shape[1..^1], 1 << 16, 1 << 16],
        _ => shape,
    };

    private static int Lengths(int[] shape) => shape.Contains(0) ? 0 : shape.Aggregate(1, (length, size) => length * size);

    private static double[]? ValuesOf(Parameter<T>? parameter) => parameter is null ? null : Values.ToDoubles<T>(parameter.Value.Span);

    private static double[]? GradientOf(Parameter<T>? parameter) =>
        parameter is { RequiresGradient: true } ? Values.ToDoubles<T>(parameter.Gradient.Span) : null;

    private static double[]? Gain(LayerSnapshot<T> before, Parameter<T>? parameter) => GradientOf(parameter)
        ?.Zip(Values.ToDoubles<T>(before.Kept(parameter!.Name + " gradient")), (now, old) => now - old).ToArray();
}
