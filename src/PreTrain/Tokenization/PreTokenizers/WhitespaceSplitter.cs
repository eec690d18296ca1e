using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>The matches of <c>\w+|[^\w\s]+</c>: <c>Whitespace</c>.</summary>
internal sealed class WhitespaceSplitter : ITextSplitter
{
    /// <inheritdoc/>
    public void Split(PieceList pieces)
    {
        ReadOnlySpan<char> text = pieces.Text.Chars;
        foreach (Piece piece in pieces.Pieces)
        {
            int start = piece.Start;
            CharacterFlags kind = CharacterFlags.Space;   // of the run from there
            for (int i = piece.Start, width; i < piece.End; i += width)
            {
                CharacterFlags next = Characters.FlagsOf(Characters.At(text, i, out width)) & (CharacterFlags.Space | CharacterFlags.Word);
                if (next == kind)
                    continue;
                if (kind != CharacterFlags.Space)
                    pieces.Add(start, i);
                (start, kind) = (i, next);
            }

            if (kind != CharacterFlags.Space)
                pieces.Add(start, piece.End);
        }

        pieces.Commit();
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Whitespace");
        json.WriteEndObject();
    }
}
