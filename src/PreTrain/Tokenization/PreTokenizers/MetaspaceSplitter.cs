using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>SentencePiece's blanks: a visible character in the place of each blank, and cuts before it: <c>Metaspace</c>.</summary>
internal sealed class MetaspaceSplitter(Rune replacement, PrependScheme scheme, bool splits) : ITextSplitter
{
    private readonly string _replacement = replacement.ToString();

    /// <inheritdoc/>
    public bool NeedsPlaces => scheme == PrependScheme.First;

    /// <inheritdoc/>
    public void Split(PieceList pieces)
    {
        WorkText text = pieces.Text;
        bool isInPlace = _replacement.Length == 1;
        foreach (Piece piece in pieces.Pieces)
            isInPlace &= !NeedsPrefix(text, piece);
        if (isInPlace)
        {
            foreach (Piece piece in pieces.Pieces)
                text.Mutable[piece.Start..piece.End].Replace(' ', _replacement[0]);
        }
        else
        {
            Rewrite(pieces);
        }

        if (splits)
            Cutter.CutAtCharacter(pieces, replacement.Value, SplitBehavior.MergedWithNext);
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json) => Write(json, replacement, scheme, splits);

    /// <summary>Writes the properties of a pre-tokenizer or a decoder of this kind.</summary>
    public static void Write(Utf8JsonWriter json, Rune replacement, PrependScheme scheme, bool splits)
    {
        json.WriteStartObject();
        json.WriteString("type", "Metaspace");
        json.WriteString("replacement", replacement.ToString());
        json.WriteString("prepend_scheme", scheme switch { PrependScheme.First => "first", PrependScheme.Never => "never", _ => "always" });
        json.WriteBoolean("split", splits);
        json.WriteEndObject();
    }

    private bool NeedsPrefix(WorkText text, Piece piece) =>
        text.Chars[piece.Start] != ' ' && !text.Chars[piece.Start..piece.End].StartsWith(_replacement, StringComparison.Ordinal)
        && (scheme == PrependScheme.Always || (scheme == PrependScheme.First && text.OriginalStart(piece.Start) == 0));

    private void Rewrite(PieceList pieces)
    {
        WorkText text = pieces.Text;
        text.BeginRewrite();
        foreach (Piece piece in pieces.Pieces)
        {
            int start = text.Written;
            if (NeedsPrefix(text, piece))
                text.Put(_replacement, piece.Start);
            int done = piece.Start;
            for (int blank; (blank = text.Chars[done..piece.End].IndexOf(' ')) >= 0; done += blank + 1)
            {
                text.Copy(done, done + blank);
                text.Put(_replacement, done + blank);
            }

            text.Copy(done, piece.End);
            pieces.Add(start, text.Written);
        }

        text.EndRewrite();
        pieces.Commit();
    }
}
