using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>
/// A model as a Hugging Face folder, for every family: what differs between them is the table of weights and <c>config.json</c>. Weights are read from safetensors or
/// PyTorch's own format, in one file or in shards, and written as one <c>model.safetensors</c>.
/// </summary>
internal static class PretrainedFolder
{
    private const string ConfigFile = "config.json", WeightsFile = "model.safetensors";

    /// <summary>Writes <c>config.json</c> and <c>model.safetensors</c>, of a quantized model its codes.</summary>
    internal static void Save(nn.Module model, IEnumerable<WeightRow> table, JsonObject config, string folder, IReadOnlyDictionary<string, Tensor>? weights)
    {
        Directory.CreateDirectory(folder);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Dictionary<string, Tensor> own = model.state_dict();
        WeightRow[] rows = [.. table];
        var quantized = QuantizedWeights.Of(model, rows);
        quantized?.Config.AddTo(config);
        var tensors = rows.SelectMany(row => quantized?.Maps.GetValueOrDefault(row.Ours) is { } map ? QuantizedWeights.Tensors(row.Theirs, map) : [Plain(row)]);
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.WriteAllText(Path.Combine(folder, ConfigFile), WithPoints(config)!.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");

        (string Name, Tensor Value) Plain(WeightRow row)
        {
            Tensor t = weights is not null && weights.TryGetValue(row.Ours, out Tensor? master) ? master : own[row.Ours];
            t = t.to(ScalarType.Float32);   // as config.json says
            if (row.Transposed) t = t.t();
            return (row.Theirs, row.KeptAs is { } kept ? t.reshape(kept) : t);
        }
    }

    /// <summary>The same with a point in every number that need not be whole: transformers refuses a 1 where it expects a 1.0.</summary>
    private static JsonNode? WithPoints(JsonNode? node) => node switch
    {
        JsonObject parent => new JsonObject(parent.Select(p => KeyValuePair.Create(p.Key, WithPoints(p.Value)))),
        JsonArray list => new JsonArray([.. list.Select(WithPoints)]),
        JsonValue value when value.TryGetValue(out double number) && !value.TryGetValue(out int _) && number == Math.Floor(number) && Math.Abs(number) < 1e15 => JsonNode.Parse(number.ToString("F1", CultureInfo.InvariantCulture)),
        _ => node?.DeepClone(),
    };

    /// <summary>Creates a model and fills it from a folder. The file is compared with the architecture before any memory is taken.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="json">Its <c>config.json</c>, and what is wanted otherwise.</param>
    /// <param name="table">The rows of the model that is to be made.</param>
    /// <param name="ignored">Whether a tensor of the file may be left over: one that a head of another kind, or an older version, has.</param>
    /// <param name="create">Makes the model, with initial values for the parameters that the file lacks only.</param>
    /// <param name="missing">Whether the file may lack a row.</param>
    internal static TModel Load<TModel>(string folder, ConfigReader json, IReadOnlyList<WeightRow> table, Func<string, bool> ignored, Func<IReadOnlySet<string>, TModel> create, Func<WeightRow, bool> missing)
        where TModel : nn.Module
    {
        QuantizationConfig? quantization = QuantizationConfig.Of(json);
        using CheckpointTensors file = CheckpointTensors.Open(folder);
        var (names, parts) = Check(file, table, ignored, missing, quantization, json);
        ProcessHeap.Expect(table.Sum(Count) * sizeof(float));
        WeightRow[] fresh = [.. table.Where(row => !names.ContainsKey(row))];
        TModel model = create(fresh.Select(row => row.Ours).ToHashSet());
        try
        {
            Fill(model, file, names, quantization);
            LoadedWeights.Remember(model, fresh, file.Names.Where(name => !names.ContainsValue(name) && !parts.Contains(name)));
            model.eval();
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Fills a model whose architecture is the folder's.</summary>
    internal static void LoadInto(nn.Module model, string folder, IReadOnlyList<WeightRow> table, Func<string, bool> ignored)
    {
        using CheckpointTensors file = CheckpointTensors.Open(folder);
        if (table.Any(row => Quantized(file, row) is not null))
            throw new CheckpointException(file.Path, "the model in it is quantized, and cannot be read into one that is not; load the folder as a model of its own.");
        Fill(model, file, Check(file, table, ignored, _ => false, null, null).Names, null);
    }

    private static void Fill(nn.Module model, CheckpointTensors file, Dictionary<WeightRow, string> names, QuantizationConfig? quantization)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Dictionary<string, Tensor> own = model.state_dict();
        // Straight to where it belongs, or through one piece of memory: new memory is what loading spends most of its time on.
        long largest = names.Keys.Where(IsArranged).Select(Count).DefaultIfEmpty(0).Max();
        using Tensor room = empty([largest], dtype: ScalarType.Float32);
        Dictionary<string, nn.Module> modules = quantization is null ? [] : model.named_modules().ToDictionary(m => m.name, m => m.module);
        foreach (var (row, name) in names)
        {
            if (quantization is not null && Quantized(file, row) is not null)
            {
                if (modules[row.Ours[..row.Ours.LastIndexOf('.')]] is not Projection map) throw new CheckpointException(file.Path, name, "it is quantized, and only linear maps can be.");
                QuantizedWeights.Read(file, name, row, quantization).Replace(map);
                continue;
            }
            Tensor target = own[row.Ours];
            if (!IsArranged(row))
            {
                file.ReadInto(name, target);
                continue;
            }
            using Tensor value = room.narrow(0, 0, Count(row)).view(row.StoredShape);
            file.ReadInto(name, value);
            target.copy_(row.Transposed ? value.t() : value.view(row.Shape));
        }

        if (quantization is { HasTiedHead: true } && model.modules().OfType<TiedHead>().SingleOrDefault() is { } head)
        {
            // Its codes are those of the embedding; whether scales are halves, the other maps tell.
            bool half = model.modules().OfType<QuantizedProjection>().Any(map => map.Weight.Format.HasHalfScales);
            try
            {
                head.Quantized = new QuantizedProjection(QuantizedMatrix.Quantize(head.Embedding, quantization.Format with { HasHalfScales = half }), quantization.Scheme) { HasSymmetricInputs = quantization.HasSymmetricInputs };
            }
            catch (ArgumentException e)
            {
                throw new CheckpointException(file.Path, $"config.json asks for the tied head in few bits, and the token embedding does not fit: {e.Message}", e);
            }
        }

        static bool IsArranged(WeightRow row) => row.Transposed || row.KeptAs is not null;
    }

    private static long Count(WeightRow row) => row.Shape.Aggregate(1L, (a, b) => a * b);

    /// <summary>Finds each row's tensor, and all tensors of those that are several because they are quantized; whatever is missing, has another shape or is left over is told together.</summary>
    private static (Dictionary<WeightRow, string> Names, HashSet<string> Parts) Check(CheckpointTensors file, IReadOnlyList<WeightRow> table, Func<string, bool> ignored, Func<WeightRow, bool> missing, QuantizationConfig? quantization,
        ConfigReader? json)
    {
        var faults = new List<string>();
        var names = new Dictionary<WeightRow, string>();
        HashSet<string> parts = [];
        var known = table.SelectMany(row => row.Aliases.Prepend(row.Theirs)).ToHashSet();
        foreach (WeightRow row in table)
        {
            if (quantization is not null && Quantized(file, row) is { } whole)
            {
                names[row] = whole;
                foreach (var (part, shape, type) in QuantizedWeights.Shapes(file, whole, row, quantization))
                {
                    parts.Add(part);
                    if (!file.Contains(part)) faults.Add($"{part} is missing");
                    else if (file.Info(part) is var info && (!info.Shape.SequenceEqual(shape) || (type ?? info.DataType) != info.DataType))
                        faults.Add($"{part} is {info.DataType} of ({string.Join(", ", info.Shape)}), config.json asks for {type ?? info.DataType} of ({string.Join(", ", shape)})");
                }
            }
            else if (row.Aliases.Prepend(row.Theirs).FirstOrDefault(file.Contains) is not { } name)
            {
                if (!missing(row)) faults.Add($"{row.Theirs} is missing");
            }
            else if (row.IsOfLabels && json is { HasOtherLabels: true })
            {
                // Its outputs are those of other labels.
            }
            else if (file.Info(name).Shape is var stored && !stored.SequenceEqual(row.StoredShape))
            {
                faults.Add($"{name} has shape ({string.Join(", ", stored)}), config.json asks for ({string.Join(", ", row.StoredShape)})");
            }
            else
            {
                names[row] = name;
                faults.AddRange(row.Aliases.Where(other => other != name && file.Contains(other) && !AreSame(file, name, other))
                    .Select(other => $"{other} differs from {name}, and the model computes with one tensor for both; leave the one out of the file that it is not to compute with"));
            }
        }
        faults.AddRange(file.Names.Where(n => !known.Contains(n) && !parts.Contains(n) && !ignored(n)).Select(n => $"{n} is not expected"));
        return faults.Count == 0 ? (names, parts) : throw new CheckpointException(file.Path, string.Join("; ", faults) + ".");
    }

    /// <summary>Whether a file has a head that is not the token embedding, whatever <c>config.json</c> says.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="map">The head's name in the checkpoint.</param>
    /// <param name="embedding">The token embedding.</param>
    internal static bool HasOwnHead(string folder, string map, WeightRow embedding)
    {
        using CheckpointTensors file = CheckpointTensors.Open(folder);
        string head = map + ".weight";
        return file.Contains(head) && embedding.Aliases.Prepend(embedding.Theirs).FirstOrDefault(name => name != head && file.Contains(name)) is { } other && !AreSame(file, other, head);
    }

    private static bool AreSame(CheckpointTensors file, string name, string other)
    {
        if (!file.Info(name).Shape.SequenceEqual(file.Info(other).Shape)) return false;
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return file.View(name).eq(file.View(other)).all().item<bool>();
    }

    /// <summary>The name of a weight that the file has in codes; null if it has not.</summary>
    private static string? Quantized(CheckpointTensors file, WeightRow row) => row.Aliases.Prepend(row.Theirs).FirstOrDefault(name => QuantizedWeights.Has(file, name));
}
