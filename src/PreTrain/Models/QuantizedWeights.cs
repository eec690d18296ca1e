// O outputs, I inputs, G groups of a row
using PreTrain.Checkpoints;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>The tensors that stand in a checkpoint for the weight of a quantized map, as <see cref="QuantizationConfig"/> says.</summary>
internal static class QuantizedWeights
{
    private const string Weight = ".weight";
    private const int ZeroOfBytes = 128;   // codes of activations count from 0 here, and from -128 in the file

    /// <summary>The quantized maps of a model by the names of their weights, and what <c>config.json</c> says of them; null if there are none.</summary>
    /// <exception cref="InvalidOperationException">They are not all in one format, or only the tied head is in few bits.</exception>
    internal static (QuantizationConfig Config, Dictionary<string, QuantizedProjection> Maps)? Of(nn.Module model, IReadOnlyList<WeightRow> table)
    {
        var all = model.named_modules().Where(m => m.module is Projection).ToDictionary(m => m.name + Weight, m => QuantizedProjection.Of((Projection)m.module));
        var maps = all.Where(m => m.Value is not null).ToDictionary(m => m.Key, m => m.Value!);
        TiedHead? head = model.modules().OfType<TiedHead>().SingleOrDefault();
        QuantizedProjection? tied = head?.Quantized;
        List<(QuantizationScheme Scheme, QuantizedFormat Format)> kinds = [.. maps.Values.Append(tied).OfType<QuantizedProjection>().Select(m => (m.Scheme, m.Weight.Format)).Distinct()];
        if (kinds.Count == 0) return null;
        if (kinds.Count > 1 && kinds.Any(kind => kind.Scheme is not (QuantizationScheme.Int8Weights or QuantizationScheme.Int4Weights)))
            throw new InvalidOperationException($"The model has maps in {kinds.Count} formats ({string.Join(", ", kinds.Select(kind => kind.Scheme).Distinct())}), and a folder holds those of one, or several of {nameof(QuantizationScheme.Int8Weights)} and {nameof(QuantizationScheme.Int4Weights)}.");
        if (kinds.Count > 1 && tied is not null) throw new InvalidOperationException("The model has maps in several formats, beside which the tied head cannot be in few bits.");
        if (maps.Count == 0) throw new InvalidOperationException("Only the tied head of the model is quantized, and a folder holds the codes of linear maps; quantize some of these too.");
        // A head that is the token embedding has no codes in the file, whatever it computes with.
        IEnumerable<string> ignored = table.Where(row => all.ContainsKey(row.Ours) && !maps.ContainsKey(row.Ours)).Select(row => row.Theirs[..^Weight.Length])
            .Concat(table.Select(row => row.TiedMap).OfType<string>()).Concat(head is null ? [] : [QuantizationConfig.TiedHead]);
        var groups = kinds.Select(kind => (kind.Scheme, kind.Format, (IReadOnlyList<string>)[.. table.Where(row => maps.GetValueOrDefault(row.Ours) is { } map && (map.Scheme, map.Weight.Format) == kind).Select(row => row.Theirs[..^Weight.Length])]));
        var config = new QuantizationConfig(kinds[0].Scheme, kinds[0].Format, [.. ignored]) { HasTiedHead = tied is not null, HasSymmetricInputs = maps.Values.Any(map => map.HasSymmetricInputs), Groups = kinds.Count > 1 ? [.. groups] : [] };
        return (config, maps);
    }

    /// <summary>The tensors of a map.</summary>
    /// <param name="name">The name of its weight in the checkpoint.</param>
    /// <param name="map">The map.</param>
    internal static IEnumerable<(string Name, Tensor Tensor)> Tensors(string name, QuantizedProjection map)
    {
        QuantizedFormat format = map.Weight.Format;
        var (codes, scales, zeros) = map.Weight.Parts();
        if (format.IsNormalFloat)
        {
            foreach (var part in NormalFloatWeights.Tensors(name, map.Weight, codes, scales)) yield return part;
            yield break;
        }
        if (format.IsPerTensor) scales = scales.reshape(-1).narrow(0, 0, 1);
        yield return (name + "_scale", format.HasHalfScales ? scales.to(ScalarType.Float16) : scales);
        if (map.Activations is { } grid)
        {
            yield return (InputOf(name) + "scale", tensor(new[] { grid.Scale }));
            yield return (InputOf(name) + "zero_point", tensor(new[] { (sbyte)(grid.Zero - ZeroOfBytes) }));
        }
        if (map.Scheme is QuantizationScheme.Int8Dynamic or QuantizationScheme.Int8Static)
        {
            yield return (name, codes);
            yield break;
        }
        yield return (name + "_packed", PackedCodes.Pack(codes, format.Bits));
        yield return (name + "_shape", tensor([map.Weight.Outputs, map.Weight.Inputs]));
        if (zeros is not null) yield return (name + "_zero_point", PackedCodes.Pack(zeros.t(), format.Bits).t());
    }

    /// <summary>The shapes that the tensors of a map have in a checkpoint, and the type of those that hold codes.</summary>
    /// <param name="file">The checkpoint.</param>
    /// <param name="name">The name of its weight in the checkpoint.</param>
    /// <param name="row">The weight.</param>
    /// <param name="config">The format.</param>
    internal static IEnumerable<(string Name, long[] Shape, ScalarType? Codes)> Shapes(CheckpointTensors file, string name, WeightRow row, QuantizationConfig config)
    {
        config = config.For(name);
        QuantizedFormat format = config.Format;
        long outputs = row.Shape[0], inputs = row.Shape[1], groups = format.GroupSize == 0 ? 1 : inputs / format.GroupSize;
        if (format.IsNormalFloat)
        {
            foreach (var part in NormalFloatWeights.Shapes(file, name, outputs, groups, format)) yield return part;
            yield break;
        }
        yield return (name + "_scale", format.IsPerTensor ? [1] : [outputs, groups], null);
        if (config.Scheme == QuantizationScheme.Int8Static)
        {
            yield return (InputOf(name) + "scale", [1], null);
            if (file.Contains(InputOf(name) + "zero_point")) yield return (InputOf(name) + "zero_point", [1], ScalarType.Int8);
        }
        if (config.Scheme is QuantizationScheme.Int8Dynamic or QuantizationScheme.Int8Static)
        {
            yield return (name, [outputs, inputs], ScalarType.Int8);
            yield break;
        }
        yield return (name + "_packed", [outputs, PackedCodes.Words(inputs, format.Bits)], ScalarType.Int32);
        yield return (name + "_shape", [2], null);
        if (!format.IsSymmetric) yield return (name + "_zero_point", [PackedCodes.Words(outputs, format.Bits), groups], ScalarType.Int32);
    }

    /// <summary>Reads a map.</summary>
    /// <param name="file">The checkpoint, whose tensors have the <see cref="Shapes"/>.</param>
    /// <param name="name">The name of its weight in the checkpoint.</param>
    /// <param name="row">The weight.</param>
    /// <param name="config">The format.</param>
    internal static QuantizedProjection Read(CheckpointTensors file, string name, WeightRow row, QuantizationConfig config)
    {
        using DisposeScope scope = NewDisposeScope();
        config = config.For(name);
        long outputs = row.Shape[0], inputs = row.Shape[1];
        int bits = config.Format.Bits;
        if (config.Format.IsNormalFloat) return new QuantizedProjection(NormalFloatWeights.Read(file, name, row, config.Format), config.Scheme);
        Tensor scales = file.Read(name + "_scale");
        if (config.Scheme is QuantizationScheme.Int8Weights or QuantizationScheme.Int4Weights && file.Read(name + "_shape").to(ScalarType.Int64).data<long>().ToArray() is var shape && !shape.SequenceEqual([outputs, inputs]))
            throw new CheckpointException(file.Path, name + "_shape", $"it says ({string.Join(", ", shape)}), config.json asks for ({outputs}, {inputs}).");
        Tensor codes = config.Scheme is QuantizationScheme.Int8Dynamic or QuantizationScheme.Int8Static ? file.Read(name) : PackedCodes.Unpack(file.Read(name + "_packed"), bits, inputs);
        Tensor? zeros = config.Format.IsSymmetric ? null : PackedCodes.Unpack(file.Read(name + "_zero_point").t(), bits, outputs).t();
        if (!scales.isfinite().all().item<bool>()) throw new CheckpointException(file.Path, name + "_scale", "it has values that are not finite.");
        QuantizedFormat format = config.Format with { HasHalfScales = scales.dtype == ScalarType.Float16 };
        if (format.IsPerTensor) scales = scales.view(1, 1).expand([outputs, 1]);
        return new QuantizedProjection(QuantizedMatrix.Of(codes, scales, zeros, format), config.Scheme, config.Scheme == QuantizationScheme.Int8Static ? Grid(file, InputOf(name)) : null) { HasSymmetricInputs = config.HasSymmetricInputs };
    }

    /// <summary>Whether a checkpoint has a weight in codes.</summary>
    /// <param name="file">The checkpoint.</param>
    /// <param name="name">The name of the weight.</param>
    internal static bool Has(CheckpointTensors file, string name) => file.Contains(name + "_scale") || NormalFloatWeights.Has(file, name);

    private static ActivationGrid Grid(CheckpointTensors file, string name)
    {
        try
        {
            int zero = file.Contains(name + "zero_point") ? file.Read(name + "zero_point").item<sbyte>() : 0;
            return new ActivationGrid(file.Read(name + "scale").to(ScalarType.Float32).item<float>(), zero + ZeroOfBytes);
        }
        catch (ArgumentException e)
        {
            throw new CheckpointException(file.Path, name + "scale", e.Message);
        }
    }

    /// <summary>What the names of a map's activations begin with.</summary>
    private static string InputOf(string name) => (name.EndsWith(Weight, StringComparison.Ordinal) ? name[..^Weight.Length] : name) + ".input_";
}
