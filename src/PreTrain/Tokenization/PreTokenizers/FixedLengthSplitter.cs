using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>Pieces of so many characters: <c>FixedLength</c>.</summary>
internal sealed class FixedLengthSplitter(int length) : ITextSplitter
{
    /// <inheritdoc/>
    public void Split(PieceList pieces)
    {
        ReadOnlySpan<char> text = pieces.Text.Chars;
        foreach (Piece piece in pieces.Pieces)
        {
            int start = piece.Start, count = 0;
            for (int i = piece.Start, width; i < piece.End; i += width)
            {
                Characters.At(text, i, out width);
                if (++count < length)
                    continue;
                pieces.Add(start, i + width);
                (start, count) = (i + width, 0);
            }

            pieces.Add(start, piece.End);
        }

        pieces.Commit();
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "FixedLength");
        json.WriteNumber("length", length);
        json.WriteEndObject();
    }
}
