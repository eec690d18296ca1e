using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Json;

/// <summary>
/// The tokens that the files beside a vocabulary declare, and that it may lack. As in transformers (<c>TokenizersBackend.__init__</c>) they are added in this
/// order: the tables of added tokens by their ids, the tokens with a role, the other ones that are named.
/// </summary>
internal static class DeclaredTokens
{
    /// <summary>Adds what is not there yet. A token that the vocabulary holds keeps its id and is looked for in texts from now on; others take the next ids.</summary>
    public static TokenizerParts AddTo(TokenizerParts parts)
    {
        TokenizerSettings settings = parts.Settings;
        var added = new List<AddedToken>(parts.AddedTokens);
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        int next = parts.Model.Size;
        for (int i = 0; i < added.Count; i++)
        {
            places[added[i].Content] = i;
            next = Math.Max(next, added[i].Id + 1);
        }

        HashSet<string> named = [.. settings.Roles.Values, .. settings.Named.Where(token => token.HasRole).Select(token => token.Token.Content)];
        foreach (AddedToken token in settings.Table)
            Add(token with { Special = token.Special || named.Contains(token.Content) }, replaces: settings.TableDecides);
        foreach (string role in TokenizerSettings.RoleNames)
        {
            if (settings[role] is { Length: > 0 } content)
                Add(Special(settings, -1, content), replaces: false);
        }

        foreach ((AddedToken token, _) in settings.Named)
            Add(token, replaces: false);
        return parts with { AddedTokens = [.. added.OrderBy(token => token.Id)] };

        void Add(AddedToken token, bool replaces)
        {
            if (token.Content.Length == 0)
                return;
            if (!places.TryGetValue(token.Content, out int place))
            {
                places[token.Content] = added.Count;
                added.Add(token with { Id = parts.Model.IdOf(token.Content) ?? next++ });
            }
            else if (replaces)
            {
                added[place] = token with { Id = added[place].Id };
            }
            else if (token.Special && !settings.TableDecides)
            {
                added[place] = added[place] with { Special = true };
            }
        }
    }

    /// <summary>A special token with the flags that it is declared with.</summary>
    public static AddedToken Special(TokenizerSettings settings, int id, string content) =>
        (settings.Forms.GetValueOrDefault(content) ?? new AddedToken(id, content)) with { Id = id, Special = true };

    /// <summary>The id of a token of the vocabulary, or of an added one.</summary>
    public static int? IdOf(TokenizerParts parts, string token) => parts.Model.IdOf(token) ?? parts.AddedTokens.FirstOrDefault(added => added.Content == token)?.Id;
}
