// "Pre-training Text Encoders as Discriminators Rather Than Generators" (Clark et al. 2020), sections 2 and 3.2.
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models.Electra;

/// <summary>
/// A generator, which fills in hidden tokens, and a discriminator, which finds what was filled in, as they are pre-trained together. They share the embeddings of tokens, positions and
/// segments and the norm behind them (Clark et al. 2020, section 3.2, "weight sharing"). Saved is the discriminator, and in the folder <c>generator</c> the generator.
/// </summary>
public sealed class ElectraPair : nn.Module, IPretrainedModel
{
    private const string GeneratorFolder = "generator";
    internal readonly ElectraModel generator, discriminator;

    /// <summary>Creates both with initial values.</summary>
    /// <param name="config">The discriminator's architecture.</param>
    /// <param name="generatorConfig">The generator's, with embeddings of the same sizes; null for a quarter of the discriminator's width.</param>
    /// <param name="random">Where initial values are drawn from; torch's default generator if null.</param>
    /// <param name="device">Where the weights are to be. Moving them later would part the embeddings.</param>
    /// <exception cref="ArgumentException">An architecture is not valid, or the embeddings have different sizes.</exception>
    public ElectraPair(ElectraConfig config, ElectraConfig? generatorConfig = null, Generator? random = null, Device? device = null) : base(nameof(ElectraPair))
    {
        config.Validate();
        ElectraConfig small = generatorConfig ?? ElectraPresets.GeneratorOf(config);
        var faults = new List<string>();
        foreach (var (name, own, other) in new[]
        {
            (nameof(config.VocabSize), config.VocabSize, small.VocabSize), (nameof(config.ContextLength), config.ContextLength, small.ContextLength),
            (nameof(config.TokenTypeCount), config.TokenTypeCount, small.TokenTypeCount), (nameof(config.TokenDim), config.TokenDim, small.TokenDim),
        })
        {
            if (own != other) faults.Add($"{name} of the generator ({other}) must be that of the discriminator ({own}), since they share embeddings.");
        }
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults), nameof(generatorConfig));
        generator = new ElectraModel(small, ModelHead.MaskedLanguageModel, random);
        if (device is not null) generator.to(device);
        discriminator = new ElectraModel(config, ModelHead.ReplacedTokenDetection, initialize: true, random, generator);
        if (device is not null) discriminator.to(device);
        RegisterComponents();
    }

    /// <summary>Fills in hidden tokens.</summary>
    public ElectraModel Generator => generator;

    /// <summary>Finds replaced tokens; what is fine-tuned later.</summary>
    public ElectraModel Discriminator => discriminator;

    /// <summary>Whether the embeddings are still shared: not after the pair was moved to another device.</summary>
    internal bool IsShared => generator.encoder.token_embedding.Handle == discriminator.encoder.token_embedding.Handle;

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => new() { [nameof(discriminator)] = discriminator.ToConfigJson(), [nameof(generator)] = generator.ToConfigJson() };

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null)
    {
        discriminator.SavePretrained(folder, Of(nameof(discriminator)));
        generator.SavePretrained(Path.Combine(folder, GeneratorFolder), Of(nameof(generator)));

        Dictionary<string, Tensor>? Of(string part) =>
            weights?.Where(weight => weight.Key.StartsWith(part + ".", StringComparison.Ordinal)).ToDictionary(weight => weight.Key[(part.Length + 1)..], weight => weight.Value);
    }

    /// <inheritdoc/>
    public void LoadPretrained(string folder)
    {
        discriminator.LoadPretrained(folder);
        generator.LoadPretrained(Path.Combine(folder, GeneratorFolder));
    }
}
