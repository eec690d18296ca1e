using System.Text.Json;
using PreTrain.Tokenization.Normalizers;
using PreTrain.Tokenization.Patterns;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>GPT-2's words, their bytes spelled with printable characters: <c>ByteLevel</c>.</summary>
/// <param name="addPrefixSpace">Whether a blank is put before a piece that does not begin with one.</param>
/// <param name="trimOffsets">Kept for the file; a post-processor does it.</param>
/// <param name="usesPattern">Whether GPT-2's pattern cuts the text.</param>
/// <param name="spells">Whether bytes are spelled here. They are not where the model reads the text itself.</param>
internal sealed class ByteLevelSplitter(bool addPrefixSpace, bool trimOffsets, bool usesPattern, bool spells) : ITextSplitter
{
    /// <summary>Whether GPT-2's pattern cuts the text.</summary>
    public bool UsesPattern => usesPattern;

    /// <summary>Whether a blank is put before a piece that does not begin with one.</summary>
    public bool AddPrefixSpace => addPrefixSpace;

    /// <summary>The same for a model that reads the text itself.</summary>
    public ByteLevelSplitter WithoutSpelling() => new(addPrefixSpace, trimOffsets, usesPattern, spells: false);

    /// <inheritdoc/>
    public void Split(PieceList pieces)
    {
        if (addPrefixSpace)
            Rewrite(pieces, prefixes: true);
        if (usesPattern)
            Cutter.CutAtPattern(pieces, ScannerPattern.Gpt2, SplitBehavior.Isolated, isInverted: false);
        if (spells)
            Rewrite(pieces, prefixes: false);
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json) => Write(json, addPrefixSpace, trimOffsets, usesPattern);

    /// <summary>Writes the properties of a pre-tokenizer, a post-processor or a decoder of this kind.</summary>
    public static void Write(Utf8JsonWriter json, bool addPrefixSpace, bool trimOffsets, bool usesPattern)
    {
        json.WriteStartObject();
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", addPrefixSpace);
        json.WriteBoolean("trim_offsets", trimOffsets);
        json.WriteBoolean("use_regex", usesPattern);
        json.WriteEndObject();
    }

    private static void Rewrite(PieceList pieces, bool prefixes)
    {
        WorkText text = pieces.Text;
        text.BeginRewrite();
        foreach (Piece piece in pieces.Pieces)
        {
            int start = text.Written;
            if (!prefixes)
            {
                ByteLevelNormalizer.Spell(text, piece.Start, piece.End);
            }
            else
            {
                if (text.Chars[piece.Start] != ' ')
                    text.Put(" ", piece.Start);
                text.Copy(piece.Start, piece.End);
            }

            pieces.Add(start, text.Written);
        }

        text.EndRewrite();
        pieces.Commit();
    }
}
