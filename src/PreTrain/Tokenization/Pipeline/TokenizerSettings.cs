using System.Text.Json.Nodes;

namespace PreTrain.Tokenization.Pipeline;

/// <summary>What <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c> say. What is not known here is kept as it is.</summary>
/// <param name="Roles">The tokens with a role, by names like <c>eos_token</c>.</param>
/// <param name="Configuration">The first file, as it was read.</param>
/// <param name="SpecialTokensMap">The second one.</param>
internal sealed record TokenizerSettings(IReadOnlyDictionary<string, string> Roles, JsonObject? Configuration, JsonObject? SpecialTokensMap)
{
    /// <summary>The roles that transformers knows.</summary>
    public static IReadOnlyList<string> RoleNames { get; } = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    public static TokenizerSettings Empty { get; } = new(new Dictionary<string, string>(), null, null);

    /// <summary>The token with a role.</summary>
    public string? this[string role] => Roles.GetValueOrDefault(role);
}
