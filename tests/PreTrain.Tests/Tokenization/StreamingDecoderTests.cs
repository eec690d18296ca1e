using System.Text;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class StreamingDecoderTests
{
    private static ByteLevelBpeTokenizer Tokenizer => BpeFixture.Tokenizer;

    [Fact]
    public void Push_AnyValidString_IsTheWholeDecodingInWholeCharacters()
    {
        Prop.ForAll(ValidStrings.Arbitrary, text =>
        {
            var decoder = new StreamingDecoder(Tokenizer);
            var whole = new StringBuilder();
            foreach (int id in Tokenizer.Encode(text))
            {
                string piece = decoder.Push(id);
                if (!IsWhole(piece) || (piece.Contains('\ufffd') && !text.Contains('\ufffd')))
                    return false;
                whole.Append(piece);
                if (!decoder.HasPendingBytes && !text.StartsWith(whole.ToString(), StringComparison.Ordinal))
                    return false;
            }

            return !decoder.HasPendingBytes && decoder.Flush().Length == 0 && whole.ToString() == text;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Fact]
    public void Push_AnyIds_IsTheWholeDecoding()
    {
        // Mostly single bytes, so that characters begin, break off and end everywhere.
        Gen<int> ids = Gen.Frequency((3, Gen.Choose(1, 256)), (1, Gen.Choose(0, Tokenizer.VocabSize - 1)), (3, Gen.Elements(ByteId(0xf0), ByteId(0x9f), ByteId(0x99), ByteId(0x82), ByteId(0xe2), ByteId(0xc3))));
        Prop.ForAll(ids.ArrayOf().ToArbitrary(), all =>
        {
            var decoder = new StreamingDecoder(Tokenizer);
            string whole = string.Concat(all.Select(decoder.Push)) + decoder.Flush();
            return whole == Tokenizer.Decode(all);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void Push_CharacterOfFourTokens_ComesWithTheLast()
    {
        var decoder = new StreamingDecoder(Tokenizer);
        Assert.Equal("", decoder.Push(ByteId(0xf0)));
        Assert.Equal("", decoder.Push(ByteId(0x9f)));
        Assert.Equal("", decoder.Push(ByteId(0x99)));
        Assert.True(decoder.HasPendingBytes);
        Assert.Equal("🙂", decoder.Push(ByteId(0x82)));
        Assert.False(decoder.HasPendingBytes);
    }

    [Fact]
    public void Flush_UnfinishedCharacter_IsReplacedOnce()
    {
        var decoder = new StreamingDecoder(Tokenizer);
        decoder.Push(ByteId(0xe8));
        decoder.Push(ByteId(0xaa));
        Assert.Equal("\ufffd", decoder.Flush());
        Assert.Equal("a", decoder.Push(ByteId((byte)'a')));
        Assert.Equal("", decoder.Flush());
    }

    [Fact]
    public void Push_SpecialTokens_AreKeptOrSkipped()
    {
        Assert.Equal("<|endoftext|>", new StreamingDecoder(Tokenizer).Push(0));
        Assert.Equal("", new StreamingDecoder(Tokenizer, skipSpecialTokens: true).Push(0));
    }

    [Fact]
    public void Push_IdOutOfRange_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new StreamingDecoder(Tokenizer).Push(Tokenizer.VocabSize));
    }

    private static int ByteId(byte b) => Tokenizer.TokenToId(ByteAlphabet.ToChar(b).ToString())!.Value;

    private static bool IsWhole(string piece) => !piece.Where((c, i) =>
        (char.IsHighSurrogate(c) && (i + 1 == piece.Length || !char.IsLowSurrogate(piece[i + 1])))
        || (char.IsLowSurrogate(c) && (i == 0 || !char.IsHighSurrogate(piece[i - 1])))).Any();
}
