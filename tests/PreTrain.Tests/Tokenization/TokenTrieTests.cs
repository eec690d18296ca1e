using System.Text;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class TokenTrieTests
{
    [Fact]
    public void Find_AnyTokens_FindsThemAndNoOther()
    {
        Prop.ForAll(ValidStrings.Arbitrary.Generator.ListOf().ToArbitrary(), ValidStrings.Arbitrary, (tokens, other) =>
        {
            var trie = new TokenTrie(tokens.Select((token, id) => KeyValuePair.Create(token, id)));
            return tokens.Append(other).All(token => IdOf(trie, token) == tokens.ToList().LastIndexOf(token));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Find_ManyTokens_FindsThemInLittleRoom()
    {
        var random = new Random(1);
        string[] tokens = [.. Enumerable.Range(0, 60_000).Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => char.ConvertFromUtf32(random.Next(8) == 0 ? random.Next(0xa0, 0xd7ff) : random.Next('a', 'z'))))).Distinct()];
        var trie = new TokenTrie(tokens.Select((token, id) => KeyValuePair.Create(token, id)));
        for (int id = 0; id < tokens.Length; id++)
            Assert.Equal(id, IdOf(trie, tokens[id]));
        int nodes = tokens.SelectMany(token => Prefixes(Encoding.UTF8.GetBytes(token))).Distinct().Count();
        Assert.InRange(trie.Capacity, nodes, nodes * 5 / 4);
    }

    private static IEnumerable<string> Prefixes(byte[] bytes) => Enumerable.Range(0, bytes.Length + 1).Select(n => Convert.ToHexString(bytes[..n]));

    private static int IdOf(TokenTrie trie, string token) => trie.Find(Encoding.UTF8.GetBytes(token)) is var node and >= 0 ? trie.IdAt(node) : -1;
}
