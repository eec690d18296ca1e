using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>Cuts where the script changes; kana counts as Han: <c>UnicodeScripts</c>.</summary>
internal sealed class ScriptSplitter : ITextSplitter
{
    private const byte Any = 0;   // a blank, which belongs to what is around it
    private static readonly Lazy<CodePointTable> s_scripts = new(() => UnicodeData.Runs("scripts"));

    /// <inheritdoc/>
    public void Split(PieceList pieces)
    {
        ReadOnlySpan<char> text = pieces.Text.Chars;
        foreach (Piece piece in pieces.Pieces)
        {
            int start = -1;
            byte last = 0xFF;
            for (int i = piece.Start, width; i < piece.End; i += width)
            {
                byte script = s_scripts.Value[Characters.At(text, i, out width)];
                if (script == Any)
                    continue;
                if (script != last)
                {
                    if (start >= 0)
                        pieces.Add(start, i);
                    start = i;   // what comes before the first cut is dropped, as the reference does
                }

                last = script;
            }

            if (start >= 0)
                pieces.Add(start, piece.End);
        }

        pieces.Commit();
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "UnicodeScripts");
        json.WriteEndObject();
    }
}
