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

    /// <summary>One row of the table.</summary>
    /// <param name="Ours">The parameter's name in the model.</param>
    /// <param name="Theirs">The tensor's name in the file.</param>
    /// <param name="Transposed">Whether the file keeps the matrix transposed: GPT-2's "Conv1D" is (inputs, outputs).</param>
    /// <param name="Shape">The parameter's shape in the model.</param>
    internal sealed record Row(string Ours, string Theirs, bool Transposed, long[] Shape)
    {
        /// <summary>The tensor's shape in the file.</summary>
        internal long[] StoredShape => Transposed ? [Shape[1], Shape[0]] : Shape;
    }

    /// <summary>The table for all tensors of a model. The head is the token embedding, so it has no row.</summary>
    internal static IEnumerable<Row> Table(GptConfig config)
    {
        long v = config.VocabSize, p = config.ContextLength, c = config.EmbeddingDim, inner = config.InnerDim;
        yield return new("token_embedding", "transformer.wte.weight", false, [v, c]);
        yield return new("position_embedding", "transformer.wpe.weight", false, [p, c]);
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            string ours = $"blocks.{layer}.", theirs = $"transformer.h.{layer}.";
            yield return new(ours + "attention_norm.weight", theirs + "ln_1.weight", false, [c]);
            yield return new(ours + "attention_norm.bias", theirs + "ln_1.bias", false, [c]);
            yield return new(ours + "qkv.weight", theirs + "attn.c_attn.weight", true, [3 * c, c]);
            yield return new(ours + "qkv.bias", theirs + "attn.c_attn.bias", false, [3 * c]);
            yield return new(ours + "attention_output.weight", theirs + "attn.c_proj.weight", true, [c, c]);
            yield return new(ours + "attention_output.bias", theirs + "attn.c_proj.bias", false, [c]);
            yield return new(ours + "feed_forward_norm.weight", theirs + "ln_2.weight", false, [c]);
            yield return new(ours + "feed_forward_norm.bias", theirs + "ln_2.bias", false, [c]);
            yield return new(ours + "feed_forward_input.weight", theirs + "mlp.c_fc.weight", true, [inner, c]);
            yield return new(ours + "feed_forward_input.bias", theirs + "mlp.c_fc.bias", false, [inner]);
            yield return new(ours + "feed_forward_output.weight", theirs + "mlp.c_proj.weight", true, [c, inner]);
            yield return new(ours + "feed_forward_output.bias", theirs + "mlp.c_proj.bias", false, [c]);
        }
        yield return new("final_norm.weight", "transformer.ln_f.weight", false, [c]);
        yield return new("final_norm.bias", "transformer.ln_f.bias", false, [c]);
    }

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

    /// <exception cref="CheckpointException">The file describes no model that a <see cref="GptModel"/> computes; the message names each reason.</exception>
    internal static GptConfig ToConfig(JsonObject json, string file)
    {
        var faults = new List<string>();
        string type = Text("model_type", "gpt2");
        if (type != "gpt2") throw new CheckpointException(file, $"model_type is '{type}'; a GptModel reads 'gpt2'.");
        string activation = Text("activation_function", "gelu_new");
        if (activation is not ("gelu_new" or "gelu_pytorch_tanh"))
            faults.Add($"activation_function is '{activation}'; a GptModel computes 'gelu_new'.");
        foreach (var (name, required) in new[] { ("tie_word_embeddings", true), ("scale_attn_weights", true), ("scale_attn_by_inverse_layer_idx", false), ("add_cross_attention", false) })
            if (Flag(name, required) != required)
                faults.Add($"{name} is {(!required).ToString().ToLowerInvariant()}; a GptModel needs {required.ToString().ToLowerInvariant()}.");
        var config = new GptConfig
        {
            VocabSize = Whole("vocab_size", 50257),
            ContextLength = Whole("n_positions", 1024),
            LayerCount = Whole("n_layer", 12),
            HeadCount = Whole("n_head", 12),
            EmbeddingDim = Whole("n_embd", 768),
            FeedForwardDim = Whole("n_inner", 0),
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
            faults.Add(e.Message);
        }
        return faults.Count == 0 ? config : throw new CheckpointException(file, string.Join(" ", faults));

        string Text(string name, string fallback) => Read(name, fallback, "a text");
        bool Flag(string name, bool fallback) => Read(name, fallback, "true or false");
        double Number(string name, double fallback) => Read(name, fallback, "a number");
        int Whole(string name, int fallback) => Read(name, fallback, "a whole number of 32 bits");
        T Read<T>(string name, T fallback, string wanted)
        {
            if (json[name] is not { } node) return fallback;
            if (node is JsonValue value && value.TryGetValue(out T? result)) return result;
            faults.Add($"{name} is {node.ToJsonString()}, which is not {wanted}.");
            return fallback;
        }
    }

    internal static void Save(GptModel model, string folder, IReadOnlyDictionary<string, Tensor>? weights)
    {
        Directory.CreateDirectory(folder);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Dictionary<string, Tensor> own = model.state_dict();
        var tensors = Table(model.Config).Select(row =>
        {
            Tensor t = weights is not null && weights.TryGetValue(row.Ours, out Tensor? master) ? master : own[row.Ours];
            t = t.to(ScalarType.Float32);   // as config.json says
            return (row.Theirs, row.Transposed ? t.t() : t);
        });
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.WriteAllText(Path.Combine(folder, ConfigFile), ToConfigJson(model.Config).ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    internal static GptModel Load(string folder)
    {
        string configPath = Path.Combine(folder, ConfigFile), weightsPath = Path.Combine(folder, WeightsFile);
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "the folder does not exist.");
        string[] missing = [.. new[] { configPath, weightsPath }.Where(path => !File.Exists(path))];
        if (missing.Length > 0)
            throw new CheckpointException(string.Join(" and ", missing), "missing; a model folder holds config.json and model.safetensors.");

        GptConfig config = ReadConfig(configPath);
        using SafetensorsFile file = SafetensorsFile.Open(weightsPath);
        Dictionary<string, string> names = Check(config, file);
        var model = new GptModel(config, initialize: false);
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

    internal static void LoadInto(GptModel model, string folder)
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, WeightsFile));
        Fill(model, file, Check(model.Config, file));
    }

    private static void Fill(GptModel model, SafetensorsFile file, Dictionary<string, string> names)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Dictionary<string, Tensor> own = model.state_dict();
        foreach (Row row in Table(model.Config))
        {
            using Tensor value = file.Read(names[row.Ours]);
            own[row.Ours].copy_(row.Transposed ? value.t() : value);
        }
    }

    private static GptConfig ReadConfig(string path)
    {
        JsonNode? json;
        try
        {
            json = JsonNode.Parse(File.ReadAllText(path), documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            throw new CheckpointException(path, $"it is not valid JSON: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CheckpointException.Unreadable(path, e);
        }
        return ToConfig(json as JsonObject ?? throw new CheckpointException(path, "its top level is not an object."), path);
    }

    /// <summary>Compares the file with the architecture before any memory is taken for it; returns the tensors' names in the file by ours.</summary>
    private static Dictionary<string, string> Check(GptConfig config, SafetensorsFile file)
    {
        var faults = new List<string>();
        var names = new Dictionary<string, string>();
        foreach (Row row in Table(config))
        {
            // The bare GPT2Model leaves the prefix out.
            string name = file.Contains(row.Theirs) ? row.Theirs : row.Theirs["transformer.".Length..];
            names[row.Ours] = name;
            if (!file.Contains(name))
                faults.Add($"{row.Theirs} is missing");
            else if (file.Info(name).Shape is var stored && !stored.SequenceEqual(row.StoredShape))
                faults.Add($"{name} has shape ({string.Join(", ", stored)}), config.json asks for ({string.Join(", ", row.StoredShape)})");
        }
        // Saved by older versions: the tied head once more, and the causal mask as buffers.
        var known = names.Values.ToHashSet();
        faults.AddRange(file.Names.Where(n => !known.Contains(n) && n != "lm_head.weight" && !n.EndsWith(".attn.bias", StringComparison.Ordinal)
            && !n.EndsWith(".attn.masked_bias", StringComparison.Ordinal)).Select(n => $"{n} is not expected"));
        return faults.Count == 0 ? names : throw new CheckpointException(file.Path, string.Join("; ", faults) + ".");
    }
}
