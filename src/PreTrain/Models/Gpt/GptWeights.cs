using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models.Gpt;

/// <summary>The two-way table between a <see cref="GptModel"/> and a Hugging Face GPT-2 folder.</summary>
internal static class GptWeights
{
    private const string ConfigFile = "config.json", WeightsFile = "model.safetensors";

    // Ours, theirs, and whether the matrix is stored transposed: GPT-2's "Conv1D" keeps (inputs, outputs).
    private static readonly (string Ours, string Theirs, bool Transposed)[] s_outer =
    [
        ("token_embedding", "transformer.wte.weight", false),
        ("position_embedding", "transformer.wpe.weight", false),
        ("final_norm.weight", "transformer.ln_f.weight", false),
        ("final_norm.bias", "transformer.ln_f.bias", false),
    ];

    private static readonly (string Ours, string Theirs, bool Transposed)[] s_block =
    [
        ("attention_norm.weight", "ln_1.weight", false),
        ("attention_norm.bias", "ln_1.bias", false),
        ("qkv.weight", "attn.c_attn.weight", true),
        ("qkv.bias", "attn.c_attn.bias", false),
        ("attention_output.weight", "attn.c_proj.weight", true),
        ("attention_output.bias", "attn.c_proj.bias", false),
        ("feed_forward_norm.weight", "ln_2.weight", false),
        ("feed_forward_norm.bias", "ln_2.bias", false),
        ("feed_forward_input.weight", "mlp.c_fc.weight", true),
        ("feed_forward_input.bias", "mlp.c_fc.bias", false),
        ("feed_forward_output.weight", "mlp.c_proj.weight", true),
        ("feed_forward_output.bias", "mlp.c_proj.bias", false),
    ];

    /// <summary>The table for all tensors of a model.</summary>
    internal static IEnumerable<(string Ours, string Theirs, bool Transposed)> Table(int layerCount) =>
        s_outer.Concat(Enumerable.Range(0, layerCount).SelectMany(layer =>
            s_block.Select(row => ($"blocks.{layer}.{row.Ours}", $"transformer.h.{layer}.{row.Theirs}", row.Transposed))));

    internal static JsonObject ToConfigJson(GptConfig config) => new()
    {
        ["model_type"] = "gpt2",
        ["architectures"] = new JsonArray("GPT2LMHeadModel"),
        ["vocab_size"] = config.VocabSize,
        ["n_positions"] = config.ContextLength,
        ["n_layer"] = config.LayerCount,
        ["n_head"] = config.HeadCount,
        ["n_embd"] = config.EmbeddingDim,
        ["n_inner"] = config.FeedForwardDim == 0 ? null : config.FeedForwardDim,
        ["activation_function"] = "gelu_new",
        ["resid_pdrop"] = config.Dropout,
        ["embd_pdrop"] = config.Dropout,
        ["attn_pdrop"] = config.Dropout,
        ["layer_norm_epsilon"] = config.NormEpsilon,
        ["initializer_range"] = config.InitializerRange,
        ["tie_word_embeddings"] = true,
        ["bos_token_id"] = null,
        ["eos_token_id"] = null,
        ["dtype"] = "float32",
    };

    internal static GptConfig ToConfig(JsonObject json, string file)
    {
        string type = Text("model_type", "gpt2");
        if (type != "gpt2") throw new CheckpointException(file, $"model_type is '{type}'; a GptModel reads 'gpt2'.");
        string activation = Text("activation_function", "gelu_new");
        if (activation is not ("gelu_new" or "gelu_pytorch_tanh"))
            throw new CheckpointException(file, $"activation_function is '{activation}'; a GptModel computes 'gelu_new'.");
        foreach (var (name, required) in new[] { ("tie_word_embeddings", true), ("scale_attn_weights", true), ("scale_attn_by_inverse_layer_idx", false), ("add_cross_attention", false) })
            if (json[name] is { } value && value.GetValue<bool>() != required)
                throw new CheckpointException(file, $"{name} is {(!required).ToString().ToLowerInvariant()}; a GptModel needs {required.ToString().ToLowerInvariant()}.");
        var config = new GptConfig
        {
            VocabSize = (int)Number("vocab_size", 50257),
            ContextLength = (int)Number("n_positions", 1024),
            LayerCount = (int)Number("n_layer", 12),
            HeadCount = (int)Number("n_head", 12),
            EmbeddingDim = (int)Number("n_embd", 768),
            FeedForwardDim = (int)Number("n_inner", 0),
            Dropout = Number("resid_pdrop", 0.1),
            NormEpsilon = Number("layer_norm_epsilon", 1e-5),
            InitializerRange = Number("initializer_range", 0.02),
        };
        try
        {
            config.Validate();
        }
        catch (ArgumentException e)
        {
            throw new CheckpointException(file, e.Message, e);
        }
        return config;

        string Text(string name, string fallback) => Read(name, v => v.GetValue<string>(), fallback);
        double Number(string name, double fallback) => Read(name, v => v.GetValue<double>(), fallback);
        T Read<T>(string name, Func<JsonNode, T> read, T fallback)
        {
            if (json[name] is not { } value) return fallback;
            try
            {
                return read(value);
            }
            catch (Exception e) when (e is InvalidOperationException or FormatException)
            {
                throw new CheckpointException(file, $"{name} is {value.ToJsonString()}, which is not a {(typeof(T) == typeof(string) ? "text" : "number")}.", e);
            }
        }
    }

    internal static void Save(GptModel model, string folder, IReadOnlyDictionary<string, Tensor>? weights)
    {
        Directory.CreateDirectory(folder);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Dictionary<string, Tensor> own = model.state_dict();
        var tensors = Table(model.Config.LayerCount).Select(row =>
        {
            Tensor t = weights is not null && weights.TryGetValue(row.Ours, out Tensor? master) ? master : own[row.Ours];
            return (row.Theirs, row.Transposed ? t.t() : t);
        });
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.WriteAllText(Path.Combine(folder, ConfigFile), ToConfigJson(model.Config).ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    internal static GptModel Load(string folder)
    {
        string configPath = Path.Combine(folder, ConfigFile), weightsPath = Path.Combine(folder, WeightsFile);
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "the folder does not exist.");
        if (!File.Exists(configPath)) throw new CheckpointException(configPath, "the file is missing; a model folder holds config.json and model.safetensors.");
        if (!File.Exists(weightsPath)) throw new CheckpointException(weightsPath, "the file is missing; a model folder holds config.json and model.safetensors.");
        JsonObject json;
        try
        {
            json = JsonNode.Parse(File.ReadAllText(configPath)) as JsonObject ?? throw new CheckpointException(configPath, "its top level is not an object.");
        }
        catch (JsonException e)
        {
            throw new CheckpointException(configPath, $"it is not valid JSON: {e.Message}", e);
        }

        using SafetensorsFile file = SafetensorsFile.Open(weightsPath);
        var model = new GptModel(ToConfig(json, configPath), initialize: false);
        try
        {
            Fill(model, file, weightsPath);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    internal static void LoadInto(GptModel model, string folder)
    {
        string path = Path.Combine(folder, WeightsFile);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Fill(model, file, path);
    }

    private static void Fill(GptModel model, SafetensorsFile file, string path)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        var faults = new List<string>();
        var known = new HashSet<string>();
        Dictionary<string, Tensor> own = model.state_dict();
        foreach (var (ours, theirs, transposed) in Table(model.Config.LayerCount))
        {
            // The bare GPT2Model leaves the prefix out.
            string name = file.Contains(theirs) ? theirs : theirs["transformer.".Length..];
            known.Add(name);
            if (!file.Contains(name))
            {
                faults.Add($"{theirs} is missing");
                continue;
            }
            Tensor target = own[ours];
            long[] wanted = transposed ? [target.size(1), target.size(0)] : target.shape;
            IReadOnlyList<long> stored = file.Info(name).Shape;
            if (!stored.SequenceEqual(wanted))
            {
                faults.Add($"{name} has shape ({string.Join(", ", stored)}), config.json asks for ({string.Join(", ", wanted)})");
                continue;
            }
            using Tensor value = file.Read(name);
            target.copy_(transposed ? value.t() : value);
        }
        // Saved by older versions: the tied head once more, and the causal mask as buffers.
        faults.AddRange(file.Names.Where(n => !known.Contains(n) && n != "lm_head.weight" && !n.EndsWith(".attn.bias", StringComparison.Ordinal)
            && !n.EndsWith(".attn.masked_bias", StringComparison.Ordinal)).Select(n => $"{n} is not expected"));
        if (faults.Count > 0) throw new CheckpointException(path, string.Join("; ", faults) + ".");
    }
}
