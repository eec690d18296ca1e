using Microsoft.ML.Tokenizers;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Generation;

/// <summary>One token for each byte of UTF-8, so that a character may be spread over several; the last id ends a text.</summary>
internal sealed class ByteTokenizer(int vocabSize = 257) : TextTokenizer
{
    public override int VocabSize => vocabSize;

    public override int? EndOfTextId => HasEndOfText ? vocabSize - 1 : null;

    internal bool HasEndOfText { get; init; } = true;

    public override string Fingerprint => "bytes";

    public override string? IdToToken(int id) => id == EndOfTextId ? "<|endoftext|>" : id.ToString("X2", null);

    public override int? TokenToId(string token) => throw new NotSupportedException();

    public override bool IsSpecial(int id) => id == EndOfTextId;

    public override ReadOnlySpan<byte> GetTokenBytes(int id, bool isFirst) => id == EndOfTextId ? "<|endoftext|>"u8 : new[] { (byte)id };

    public override void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        foreach (byte b in System.Text.Encoding.UTF8.GetBytes(text.ToString())) ids.Add(b);
    }

    public override void Save(string folder) => throw new NotSupportedException();

    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        string whole = text ?? textSpan.ToString();
        return new() { Tokens = [.. Encode(whole.AsSpan()).Select(id => new EncodedToken(id, IdToToken(id)!, new Range(0, whole.Length)))], CharsConsumed = whole.Length };
    }
}
