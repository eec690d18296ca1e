using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
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

    /// <summary>Writes <c>config.json</c> and <c>model.safetensors</c>.</summary>
    internal static void Save(nn.Module model, IEnumerable<WeightRow> table, JsonObject config, string folder, IReadOnlyDictionary<string, Tensor>? weights)
    {
        Directory.CreateDirectory(folder);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Dictionary<string, Tensor> own = model.state_dict();
        var tensors = table.Select(row =>
        {
            Tensor t = weights is not null && weights.TryGetValue(row.Ours, out Tensor? master) ? master : own[row.Ours];
            if (t.numel() == 0) throw new InvalidOperationException($"The weight '{row.Ours}' was let go of when the model was quantized; save the model before.");
            t = t.to(ScalarType.Float32);   // as config.json says
            if (row.Transposed) t = t.t();
            return (row.Theirs, row.KeptAs is { } kept ? t.reshape(kept) : t);
        });
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.WriteAllText(Path.Combine(folder, ConfigFile), WithPoints(config)!.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
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
    /// <param name="table">The rows of the model that is to be made.</param>
    /// <param name="ignored">Whether a tensor of the file may be left over: one that a head of another kind, or an older version, has.</param>
    /// <param name="create">Makes the model, with initial values for the parameters that the file lacks only.</param>
    /// <param name="missing">Whether the file may lack a row.</param>
    internal static TModel Load<TModel>(string folder, IReadOnlyList<WeightRow> table, Func<string, bool> ignored, Func<IReadOnlySet<string>, TModel> create, Func<WeightRow, bool> missing)
        where TModel : nn.Module
    {
        using CheckpointTensors file = CheckpointTensors.Open(folder);
        Dictionary<WeightRow, string> names = Check(file, table, ignored, missing);
        ProcessHeap.Expect(table.Sum(Count) * sizeof(float));
        TModel model = create(table.Where(row => !names.ContainsKey(row)).Select(row => row.Ours).ToHashSet());
        try
        {
            Fill(model, file, names);
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
        Fill(model, file, Check(file, table, ignored, _ => false));
    }

    private static void Fill(nn.Module model, CheckpointTensors file, Dictionary<WeightRow, string> names)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Dictionary<string, Tensor> own = model.state_dict();
        // Straight to where it belongs, or through one piece of memory: new memory is what loading spends most of its time on.
        long largest = names.Keys.Where(IsArranged).Select(Count).DefaultIfEmpty(0).Max();
        using Tensor room = empty([largest], dtype: ScalarType.Float32);
        foreach (var (row, name) in names)
        {
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

        static bool IsArranged(WeightRow row) => row.Transposed || row.KeptAs is not null;
    }

    private static long Count(WeightRow row) => row.Shape.Aggregate(1L, (a, b) => a * b);

    /// <summary>Finds each row's tensor; whatever is missing, has another shape or is left over is told together.</summary>
    private static Dictionary<WeightRow, string> Check(CheckpointTensors file, IReadOnlyList<WeightRow> table, Func<string, bool> ignored, Func<WeightRow, bool> missing)
    {
        var faults = new List<string>();
        var names = new Dictionary<WeightRow, string>();
        foreach (WeightRow row in table)
        {
            if (row.Aliases.Prepend(row.Theirs).FirstOrDefault(file.Contains) is not { } name)
            {
                if (!missing(row)) faults.Add($"{row.Theirs} is missing");
            }
            else if (file.Info(name).Shape is var stored && !stored.SequenceEqual(row.StoredShape))
            {
                faults.Add($"{name} has shape ({string.Join(", ", stored)}), config.json asks for ({string.Join(", ", row.StoredShape)})");
            }
            else
            {
                names[row] = name;
            }
        }
        var known = table.SelectMany(row => row.Aliases.Prepend(row.Theirs)).ToHashSet();
        faults.AddRange(file.Names.Where(n => !known.Contains(n) && !ignored(n)).Select(n => $"{n} is not expected"));
        return faults.Count == 0 ? names : throw new CheckpointException(file.Path, string.Join("; ", faults) + ".");
    }
}
