using System.Text.Json;

namespace PreTrain.Compression;

/// <summary>An object of a recipe whose members are taken one by one; what is left over is not known.</summary>
/// <param name="place">Where it stands, for messages.</param>
/// <param name="json">The object.</param>
/// <param name="faults">Receives what is wrong.</param>
internal sealed class RecipeObject(string place, JsonElement json, List<string> faults)
{
    private readonly List<string> _known = [];

    /// <summary>Whether any of them is given.</summary>
    internal bool HasAny(params ReadOnlySpan<string> keys)
    {
        foreach (string key in keys)
        {
            if (json.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null) return true;
        }
        return false;
    }

    internal double? Number(string key) => Take(key, "a number", value => value.ValueKind == JsonValueKind.Number ? value.GetDouble() : (double?)null);

    internal int? Whole(string key) => Take(key, "a whole number", value => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : (int?)null);

    internal bool? Flag(string key) => Take(key, "true or false", value => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : (bool?)null);

    internal T? Choice<T>(string key, (string Word, T Value)[] words) where T : struct =>
        Take(key, Join([.. words.Select(word => word.Word)]), value =>
        {
            foreach (var (word, chosen) in words)
            {
                if (value.ValueKind == JsonValueKind.String && value.GetString() == word) return chosen;
            }
            return (T?)null;
        });

    internal string? Text(string key)
    {
        _known.Add(key);
        if (!HasAny(key)) return null;
        if (json.GetProperty(key) is { ValueKind: JsonValueKind.String } value && value.GetString() is { Length: > 0 } text) return text;
        Refuse(key, "a string that is not empty");
        return null;
    }

    internal string[]? Texts(string key)
    {
        _known.Add(key);
        if (!HasAny(key)) return null;
        if (json.GetProperty(key) is { ValueKind: JsonValueKind.Array } list && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)) return [.. list.EnumerateArray().Select(item => item.GetString()!)];
        Refuse(key, "a list of strings");
        return null;
    }

    internal int[]? Wholes(string key)
    {
        _known.Add(key);
        if (!HasAny(key)) return null;
        if (json.GetProperty(key) is { ValueKind: JsonValueKind.Array } list && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out _))) return [.. list.EnumerateArray().Select(item => item.GetInt32())];
        Refuse(key, "a list of whole numbers");
        return null;
    }

    internal IReadOnlyList<JsonElement> Objects(string key)
    {
        _known.Add(key);
        if (HasAny(key) && json.GetProperty(key) is { ValueKind: JsonValueKind.Array } list && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object)) return [.. list.EnumerateArray()];
        faults.Add($"{place}: {key} must be a list of objects.");
        return [];
    }

    /// <summary>Says what is not known.</summary>
    internal void Finish()
    {
        foreach (JsonProperty member in json.EnumerateObject().Where(member => !_known.Contains(member.Name))) faults.Add($"{place}: {member.Name} is not known; it takes {Join(_known)}.");
        foreach (string twice in json.EnumerateObject().GroupBy(member => member.Name).Where(group => group.Count() > 1).Select(group => group.Key)) faults.Add($"{place}: {twice} is given twice.");
    }

    internal void Refuse(string key, string rule) => faults.Add($"{place}: {key} ({json.GetProperty(key).GetRawText()}) must be {rule}.");

    /// <summary>"a, b or c".</summary>
    internal static string Join(IReadOnlyList<string> words) => words.Count == 1 ? words[0] : $"{string.Join(", ", words.Take(words.Count - 1))} or {words[^1]}";

    private T? Take<T>(string key, string rule, Func<JsonElement, T?> read) where T : struct
    {
        _known.Add(key);
        if (!HasAny(key)) return null;
        T? value = read(json.GetProperty(key));
        if (value is null) Refuse(key, rule);
        return value;
    }
}
