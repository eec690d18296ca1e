using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>White space goes, and each punctuation character stands alone: <c>BertPreTokenizer</c>.</summary>
internal sealed class BertSplitter : ITextSplitter
{
    /// <inheritdoc/>
    public void Split(PieceList pieces)
    {
        ReadOnlySpan<char> text = pieces.Text.Chars;
        foreach (Piece piece in pieces.Pieces)
        {
            int start = piece.Start;
            for (int i = piece.Start, width; i < piece.End; i += width)
            {
                CharacterFlags flags = Characters.FlagsOf(Characters.At(text, i, out width));
                if ((flags & (CharacterFlags.Space | CharacterFlags.Punctuation)) == 0)
                    continue;
                pieces.Add(start, i);
                if ((flags & CharacterFlags.Space) == 0)
                    pieces.Add(i, i + width);
                start = i + width;
            }

            pieces.Add(start, piece.End);
        }

        pieces.Commit();
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "BertPreTokenizer");
        json.WriteEndObject();
    }
}
