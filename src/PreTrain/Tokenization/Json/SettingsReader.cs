using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Json;

/// <summary>Reads <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c> and <c>added_tokens.json</c>.</summary>
internal static class SettingsReader
{
    public const string ConfigurationFile = "tokenizer_config.json";
    public const string SpecialTokensFile = "special_tokens_map.json";
    public const string AddedTokensFile = "added_tokens.json";

    /// <summary>Reads the files of a folder, as far as they are there. Where they differ the first counts.</summary>
    public static TokenizerSettings Read(string folder)
    {
        (JsonPart? configuration, JsonObject? content) = ReadFile(Path.Combine(folder, ConfigurationFile), "The tokenizer's configuration");
        (JsonPart? specials, JsonObject? map) = ReadFile(Path.Combine(folder, SpecialTokensFile), "The map of special tokens");
        var roles = new Dictionary<string, string>(StringComparer.Ordinal);
        var forms = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (JsonPart part in new[] { configuration, specials }.OfType<JsonPart>())
        {
            foreach (string role in TokenizerSettings.RoleNames)
            {
                if (part.Find(role) is not { } value)
                    continue;
                AddedToken token = Token(value);
                if (roles.TryAdd(role, token.Content) && value.IsObject)
                    forms.TryAdd(token.Content, token);
            }
        }

        var settings = new TokenizerSettings(roles, content, map) { Forms = forms };
        if (configuration?.Find("added_tokens_decoder") is { } decoder)
        {
            // Then the other two files say nothing more.
            AddedToken[] table = [.. decoder.Names.Select(id => Entry(decoder, id)).OrderBy(token => token.Id)];
            return settings with { Table = table, TableDecides = true, Named = Named(configuration, null) };
        }

        settings = settings with { Named = Named(configuration, specials) };
        (JsonPart? added, _) = ReadFile(Path.Combine(folder, AddedTokensFile), "The list of added tokens");
        if (added is null)
            return settings;
        HashSet<string> special = [.. roles.Values, .. settings.Named.Select(token => token.Token.Content)];
        return settings with
        {
            Table = [.. added.Names.Where(name => name.Length > 0).Select(name => new AddedToken(added.Get(name).Number(TokenizerFile.LargestId), name, Normalized: !special.Contains(name), Special: special.Contains(name))).OrderBy(token => token.Id)],
        };
    }

    private static (JsonPart? Part, JsonObject? Content) ReadFile(string path, string what)
    {
        if (!File.Exists(path))
            return (null, null);
        var file = new TokenizerFile(path);
        JsonPart? part = null;
        JsonObject? content = null;
        file.Read((ref reader) =>
        {
            file.Require(ref reader, JsonTokenType.StartObject, what);
            part = JsonPart.Read(file, ref reader, Path.GetFileName(path));
            // Once more, and now as it is: it is written again with all that is not known here.
            Utf8JsonReader again = file.Reader();
            content = JsonNode.Parse(ref again) as JsonObject;
        });
        return (part, content);
    }

    /// <summary>The tokens that are named besides those of the usual roles. A list counts in one of the files alone, under its newer name if it has both.</summary>
    private static List<(AddedToken Token, bool HasRole)> Named(JsonPart? configuration, JsonPart? specials)
    {
        var named = new List<(AddedToken, bool)>();
        JsonPart? extra = configuration?.Find("extra_special_tokens") ?? configuration?.Find("additional_special_tokens");
        foreach (string name in configuration?.Names ?? [])
        {
            if (name.EndsWith("_token", StringComparison.Ordinal) && !TokenizerSettings.RoleNames.Contains(name) && configuration!.Find(name) is { IsString: true } token && token.Text().Length > 0)
                named.Add((Token(token), true));
        }

        extra ??= specials?.Find("extra_special_tokens") ?? specials?.Find("additional_special_tokens");
        if (extra is { IsObject: true })
            named.AddRange(extra.Names.Where(name => extra.Find(name) is not null).Select(name => (Token(extra.Get(name)) with { Special = true }, true)));
        else if (extra is not null)
            named.AddRange(extra.Items().Select(token => (Token(token), false)));
        return named;
    }

    /// <summary>A token of <c>added_tokens_decoder</c>, whose properties have ids as names.</summary>
    private static AddedToken Entry(JsonPart table, string id)
    {
        JsonPart value = table.Get(id);
        _ = value.Get("content");
        return int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= TokenizerFile.LargestId
            ? Token(value) with { Id = number }
            : throw value.Fault($"has a name that is no id: it must be a whole number from 0 to {TokenizerFile.LargestId}.");
    }

    /// <summary>A token as its text alone, which makes it special, or as an object with its flags.</summary>
    private static AddedToken Token(JsonPart value)
    {
        if (!value.IsObject)
            return new AddedToken(-1, value.Text());
        bool special = value.Find("special")?.Boolean() ?? false;
        return new AddedToken(
            -1, value.Get("content").Text(), value.Find("single_word")?.Boolean() ?? false, value.Find("lstrip")?.Boolean() ?? false, value.Find("rstrip")?.Boolean() ?? false,
            value.Find("normalized")?.Boolean() ?? !special, special);
    }

    /// <summary>The content of <c>tokenizer_config.json</c> for a tokenizer.</summary>
    public static byte[] WriteConfiguration(TokenizerParts parts)
    {
        JsonObject configuration = parts.Settings.Configuration?.DeepClone().AsObject() ?? [];
        foreach ((string role, string token) in parts.Settings.Roles)
        {
            if (parts.Settings.SpecialTokensMap?.ContainsKey(role) != true || configuration.ContainsKey(role))
                configuration.TryAdd(role, token);
        }

        if (parts.Settings.Configuration is null)
        {
            configuration.Add("clean_up_tokenization_spaces", false);
            configuration.Add("tokenizer_class", "PreTrainedTokenizerFast");
        }

        return Write(configuration);
    }

    /// <summary>A JSON object in the layout of all files.</summary>
    public static byte[] Write(JsonObject content)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, TokenizerJsonWriter.Layout))
            content.WriteTo(json);
        stream.Write(Encoding.UTF8.GetBytes("\n"));
        return stream.ToArray();
    }
}
