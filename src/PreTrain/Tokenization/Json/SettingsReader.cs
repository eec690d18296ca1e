using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Json;

/// <summary>Reads <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c>.</summary>
internal static class SettingsReader
{
    public const string ConfigurationFile = "tokenizer_config.json";
    public const string SpecialTokensFile = "special_tokens_map.json";

    /// <summary>Reads both files of a folder, as far as they are there. Where they differ the first counts.</summary>
    public static TokenizerSettings Read(string folder)
    {
        var roles = new Dictionary<string, string>(StringComparer.Ordinal);
        JsonObject? configuration = ReadFile(Path.Combine(folder, ConfigurationFile), roles);
        JsonObject? specials = ReadFile(Path.Combine(folder, SpecialTokensFile), roles);
        return new TokenizerSettings(roles, configuration, specials);
    }

    private static JsonObject? ReadFile(string path, Dictionary<string, string> roles)
    {
        if (!File.Exists(path))
            return null;
        var file = new TokenizerFile(path);
        JsonObject? root = null;
        file.Read((ref reader) =>
        {
            file.Require(ref reader, JsonTokenType.StartObject, "The tokenizer's configuration");
            JsonPart part = JsonPart.Read(file, ref reader, Path.GetFileName(path));
            foreach (string role in TokenizerSettings.RoleNames)
            {
                if (part.Find(role) is not { } value)
                    continue;
                string content = value.IsObject ? value.Get("content").Text() : value.Text();
                roles.TryAdd(role, content);
            }

            // Once more, and now as it is: it is written again with all that is not known here.
            Utf8JsonReader again = file.Reader();
            root = JsonNode.Parse(ref again) as JsonObject;
        });
        return root;
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
