using System.Collections;
using System.Text.Json.Nodes;

namespace PreTrain.Models;

/// <summary>Tokens of a configuration, which is equal to another where they are the same.</summary>
internal sealed class TokenIds(IEnumerable<int> ids) : IReadOnlyList<int>, IEquatable<TokenIds>
{
    private readonly int[] _ids = [.. ids];

    /// <summary>No token.</summary>
    internal static TokenIds None { get; } = new([]);

    public int Count => _ids.Length;

    public int this[int index] => _ids[index];

    public bool Equals(TokenIds? other) => other is not null && _ids.AsSpan().SequenceEqual(other._ids);

    public override bool Equals(object? obj) => Equals(obj as TokenIds);

    public override int GetHashCode() => _ids.Aggregate(_ids.Length, HashCode.Combine);

    public override string ToString() => $"[{string.Join(", ", _ids)}]";

    public IEnumerator<int> GetEnumerator() => _ids.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>As <c>config.json</c> has them: null for none, a number for one.</summary>
    internal static JsonNode? ToJson(IReadOnlyList<int> ids) => ids.Count switch
    {
        0 => null,
        1 => ids[0],
        _ => new JsonArray([.. ids.Select(id => (JsonNode)id)]),
    };
}
