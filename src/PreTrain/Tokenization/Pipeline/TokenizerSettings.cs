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

    /// <summary>The tokens that <c>added_tokens_decoder</c> or <c>added_tokens.json</c> lists, by their ids there.</summary>
    public IReadOnlyList<AddedToken> Table { get; init; } = [];

    /// <summary>Whether <see cref="Table"/> decides about the flags of tokens that are there already, as <c>added_tokens_decoder</c> does.</summary>
    public bool TableDecides { get; init; }

    /// <summary>Tokens with a role that have flags, by their content.</summary>
    public IReadOnlyDictionary<string, AddedToken> Forms { get; init; } = new Dictionary<string, AddedToken>();

    /// <summary>Other tokens that are named: those of a model's own roles, then <c>extra_special_tokens</c> or <c>additional_special_tokens</c>.</summary>
    public IReadOnlyList<(AddedToken Token, bool HasRole)> Named { get; init; } = [];

    /// <summary>The token with a role.</summary>
    public string? this[string role] => Roles.GetValueOrDefault(role);

    /// <summary>The same, with tokens for roles that have none.</summary>
    public TokenizerSettings WithRoles(IEnumerable<(string Role, string Token)> usual)
    {
        var roles = new Dictionary<string, string>(Roles);
        foreach ((string role, string token) in usual)
            roles.TryAdd(role, token);
        return this with { Roles = roles };
    }
}
