using System.Globalization;
using System.Text.RegularExpressions;

namespace PreTrain.Checkpoints;

/// <summary>The names of weight files in Hugging Face folders.</summary>
/// <param name="Stem">What all of them begin with.</param>
/// <param name="Extension">What all of them end with, the dot included.</param>
internal sealed partial record CheckpointNames(string Stem, string Extension)
{
    internal const string IndexEnding = ".index.json", GgufExtension = ".gguf";

    internal static CheckpointNames Safetensors { get; } = new("model", ".safetensors");

    internal static CheckpointNames PyTorch { get; } = new("pytorch_model", ".bin");

    /// <summary>The name of the one file, where there are no shards.</summary>
    internal string Single => Stem + Extension;

    /// <summary>The name of the index over the shards.</summary>
    internal string Index => Stem + Extension + IndexEnding;

    internal static CheckpointNames Of(CheckpointFormat format) => format == CheckpointFormat.Safetensors ? Safetensors : PyTorch;

    /// <summary>The name of a shard, as in <c>model-00001-of-00003.safetensors</c>.</summary>
    internal string Shard(int number, int count) => string.Create(CultureInfo.InvariantCulture, $"{Stem}-{number:D5}-of-{count:D5}{Extension}");

    /// <summary>Whether a file is one of these: the single file, its index or a shard.</summary>
    internal bool Has(string name) => name == Single || name == Index || IsShard(name);

    internal bool IsShard(string name) =>
        name.StartsWith(Stem, StringComparison.Ordinal) && name.EndsWith(Extension, StringComparison.Ordinal) && name.Length > Stem.Length + Extension.Length
        && ShardMiddle().IsMatch(name.AsSpan(Stem.Length, name.Length - Stem.Length - Extension.Length));

    [GeneratedRegex("^-[0-9]{5,}-of-[0-9]{5,}$", RegexOptions.CultureInvariant)]
    private static partial Regex ShardMiddle();
}
