// H heads, D width of a head, I inputs
using PreTrain.Checkpoints.Gguf;
using PreTrain.Models;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Export;

/// <summary>
/// Writes a causal language model with its tokenizer as one GGUF file, which llama.cpp and what is built on it run: GPT-2, Llama, Mistral, Qwen2 and Qwen3. Rounding and the choice of types are
/// those of llama.cpp's own quantizer without an importance matrix.
/// </summary>
public static class GgufExporter
{
    /// <summary>The families that can be exported, as <c>config.json</c> calls them.</summary>
    public static IReadOnlyList<string> ModelTypes { get; } = ["gpt2", "llama", "mistral", "qwen2", "qwen3"];

    /// <summary>Writes the file, atomically.</summary>
    /// <param name="model">The model, with the head that predicts the next token; on any device.</param>
    /// <param name="tokenizer">Its tokenizer; null for a file that is fed with ids.</param>
    /// <param name="path">The file to create or replace. Its folder must exist.</param>
    /// <param name="options">How to write; null for the defaults.</param>
    /// <param name="cancellationToken">Ends it between two tensors.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ArgumentException">
    /// llama.cpp does not know the family, the head, the architecture or the tokenizer; there is a chat template and no tokenizer; the model is quantized; a weight is not finite, or too large for 16 bits.
    /// </exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled. What was there is there still.</exception>
    public static GgufExportResult Export(ITransformerModel model, TextTokenizer? tokenizer, string path, GgufExportOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        options ??= new GgufExportOptions();
        options.Validate();
        if (model is not IGgufSource source) throw new ArgumentException($"A {model.ModelType} model cannot be exported as GGUF; {string.Join(", ", ModelTypes)} can.", nameof(model));
        if (options.ChatTemplate is not null && tokenizer is null) throw new ArgumentException($"{nameof(GgufExportOptions.ChatTemplate)} needs a tokenizer, whose tokens it writes.", nameof(tokenizer));
        ExportRules.RequireWholeWeights(model);
        if (model.Head != ModelHead.CausalLanguageModel)
            throw new ArgumentException($"The model has the head {model.Head}, and a GGUF file holds one that predicts the next token; load it with the head {ModelHead.CausalLanguageModel}.", nameof(model));

        GgufContent content = source.ToGguf();
        var metadata = new List<(string, object)>
        {
            (GgufFormat.ArchitectureKey, content.Architecture),
            ("general.type", "model"),
            ("general.name", options.Name ?? Path.GetFileNameWithoutExtension(path)),
            ("general.file_type", GgufMixture.FileType(options.Precision)),
            ("general.quantization_version", 2u),
        };
        metadata.AddRange(content.Facts.Select(fact => ($"{content.Architecture}.{fact.Key}", fact.Value)));
        GgufTokenizer vocabulary = GgufTokenizer.Of(tokenizer, ((ITokenPredictor)model).VocabSize);
        metadata.AddRange(vocabulary.Facts);
        if (options.ChatTemplate is { } template) metadata.Add(("tokenizer.chat_template", template));

        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Dictionary<string, Tensor> own = ((nn.Module)model).state_dict();
        GgufTensor[] tensors = [.. content.Weights.Select(weight => Entry(weight, weight.Ours is null ? null : own[weight.Ours]))];
        GgufWriter.Write(path, metadata, tensors, cancellationToken);
        return new GgufExportResult(content.Architecture, vocabulary.Model, tensors.GroupBy(t => t.Type.Name).OrderBy(g => g.Key, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count()), new FileInfo(path).Length);

        GgufTensor Entry(GgufWeight weight, Tensor? value)
        {
            long[] shape = value is null ? [weight.Numbers.Length] : value.shape;
            GgmlType type = GgufMixture.TypeOf(content, weight.Theirs, shape, options.Precision);
            return new GgufTensor(weight.Theirs, type, shape, () => value is null ? tensor(weight.Numbers) : Paired(value, weight.PairedHeads));
        }
    }

    /// <summary>(H·D) or (H·D, I), the rows i and i + D/2 of each head side by side.</summary>
    private static Tensor Paired(Tensor value, int heads) => heads == 0 ? value.detach().alias()
        : value.detach().view([heads, 2, value.size(0) / heads / 2, .. value.shape[1..]]).transpose(1, 2).reshape(value.shape);
}
