using Microsoft.ML.Tokenizers;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Data;

/// <summary>One token for each character: its code unit modulo the vocabulary less one; the last id ends a text.</summary>
internal sealed class CharTokenizer(int vocabSize = 257) : TextTokenizer
{
    public override int VocabSize => vocabSize;

    public override int? EndOfTextId => HasEndOfText ? vocabSize - 1 : null;

    public bool HasEndOfText { get; init; } = true;

    /// <summary>Called with each text before it is encoded.</summary>
    public Action<string>? Encoding { get; init; }

    public override string Fingerprint => $"char-{vocabSize}";

    public override string? IdToToken(int id) => id == EndOfTextId ? "<|endoftext|>" : ((char)id).ToString();

    public override int? TokenToId(string token) => token.Length == 1 ? token[0] : EndOfTextId;

    public override bool IsSpecial(int id) => id == EndOfTextId;

    public override ReadOnlySpan<byte> GetTokenBytes(int id, bool isFirst) => System.Text.Encoding.UTF8.GetBytes(IdToToken(id)!);

    public override void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        Encoding?.Invoke(text.ToString());
        foreach (var c in text)
            ids.Add(IdOf(c));
    }

    public int IdOf(char c) => c % (vocabSize - 1);

    public override void Save(string folder) => throw new NotSupportedException();

    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        throw new NotSupportedException();
}
