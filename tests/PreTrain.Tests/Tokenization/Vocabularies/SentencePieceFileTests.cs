using System.Text.Json;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Vocabularies;
using static PreTrain.Tests.Tokenization.TrainedVocabularyFixture;

namespace PreTrain.Tests.Tokenization.Vocabularies;

public class SentencePieceFileTests
{
    private static readonly JsonElement s_expected = JsonDocument.Parse(File.ReadAllBytes(BpeFixture.PathOf("sentencepiece.json"))).RootElement;

    [Theory]
    [InlineData("unigram")]
    [InlineData("bpe")]
    public void Read_ModelOfPieces_GivesTheReferencesIds(string name)
    {
        ITokenModel model = SentencePieceFile.Read(BpeFixture.PathOf($"sentencepiece_{name}.model")).ToModel();
        string[] texts = Strings(s_expected.GetProperty("texts"));
        var buffer = new TokenBuffer();
        for (int i = 0; i < texts.Length; i++)
        {
            buffer.Clear();
            model.Encode(texts[i], buffer);
            Assert.Equal(s_expected.GetProperty(name)[i].EnumerateArray().Select(e => e.GetInt32()), buffer.Ids.ToArray());
        }
    }

    [Fact]
    public void Read_Bpe_HasTheMergesOfTransformers()
    {
        var model = (BpeModel)SentencePieceFile.Read(BpeFixture.PathOf("sentencepiece_bpe.model")).ToModel();
        IEnumerable<string> Wholes(IEnumerable<string> merges) => merges.Select(m => m.Replace(" ", "")).Distinct();
        string[] found = [.. model.MergeList.Select(m => $"{model.TokenOf(m.Left)} {model.TokenOf(m.Right)}")];
        string[] expected = Strings(s_expected.GetProperty("merges"));
        Assert.Equal(expected.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
        Assert.Equal(Wholes(expected), Wholes(found));
    }

    [Fact]
    public void Read_Unigram_TellsWhatThePipelineNeeds()
    {
        SentencePieceFile file = SentencePieceFile.Read(BpeFixture.PathOf("sentencepiece_unigram.model"));
        Assert.Equal(SentencePieceAlgorithm.Unigram, file.Algorithm);
        Assert.False(file.ByteFallback);
        Assert.Equal((0, 1, 2, null), (file.UnknownId, file.BeginId, file.EndId, file.PadId));
        Assert.Equal("nmt_nfkc", file.NormalizerName);
        Assert.Equal([.. Enumerable.Range(0, 40).Select(i => (byte)i)], file.CharacterMap.ToArray());
        Assert.Equal((true, false, true, false), (file.AddDummyPrefix, file.RemoveExtraBlanks, file.EscapeBlanks, file.BlankIsSuffix));
        Assert.Equal(new SentencePiece("<s>", 0, SentencePieceKind.Control), file.Pieces[1]);
        Assert.Equal(SentencePieceKind.UserDefined, file.Pieces[3].Kind);
        Assert.True(SentencePieceFile.Read(BpeFixture.PathOf("sentencepiece_bpe.model")).ByteFallback);
    }

    [Fact]
    public void Read_BrokenFile_NamesThePlace()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("broken.model");
        byte[] whole = File.ReadAllBytes(BpeFixture.PathOf("sentencepiece_unigram.model"));

        Check([], "The file holds no pieces; this is no SentencePiece model, or it is broken.");
        Check(whole[..20], "At byte 18, 12 bytes should follow, but there are 2; the file is cut off or broken.");
        Check([0x0A, 0x80], "At byte 2, 1 bytes should follow, but there are 0; the file is cut off or broken.");
        Check("{}"u8.ToArray(), "At byte 0, field 15 of kind 3 is none that a protocol buffer can hold; this is no SentencePiece model, or it is broken.");
        Check([0x0A, 0x03, 0x0A, 0x01, 0xFF], "At byte 4, field 1 must be text, but is not valid UTF-8.");
        Check([0x0A, 0x03, 0x0A, 0x01, 0x61], "0 pieces are of the unknown kind; there must be one.");
        Check([0x0A, 0x03, 0x0A, 0x01, 0x61, 0x0A, 0x03, 0x0A, 0x01, 0x61], "At byte 5, piece 1, 'a', is piece 0 already; each must be there once.");
        Check([0x0A, 0x02, 0x18, 0x09], "At byte 2, the type of piece '' is 9; it must be from 1 to 6.");
        Check([0x08, 0x01], "At byte 0, field 1 must be bytes, but is of kind 0.");
        Check([0x0A, 0x05, 0x0A, 0x01, 0x61, 0x18, 0x02, 0x12, 0x03, 0x98, 0x02, 0x01], "The piece '<0x00>' is missing; with byte fallback all 256 must be there.");

        void Check(byte[] content, string fault)
        {
            File.WriteAllBytes(path, content);
            var thrown = Assert.Throws<TokenizerException>(() => SentencePieceFile.Read(path));
            Assert.Equal($"{path}: {fault}", thrown.Message);
        }
    }

    [Fact]
    public void Read_AnyDamage_IsAFaultOrAModel()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("broken.model");
        byte[] whole = File.ReadAllBytes(BpeFixture.PathOf("sentencepiece_unigram.model"));
        var random = new Random(9);
        int faults = 0;
        for (int i = 0; i < 400; i++)
        {
            byte[] damaged = i % 2 == 0 ? whole[..random.Next(whole.Length)] : [.. whole];
            for (int k = 0; k < 3 && damaged.Length > 0 && i % 2 == 1; k++)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(path, damaged);
            try
            {
                SentencePieceFile.Read(path).ToModel().Encode("▁the▁tokenizer", new TokenBuffer());
            }
            catch (TokenizerException)
            {
                faults++;
            }
        }

        Assert.InRange(faults, 100, 400);
    }
}
