using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Decoders;

/// <summary>Removes a character at a token's ends, at most so many times: <c>Strip</c>.</summary>
internal sealed class StripDecoder(Rune content, int start, int stop) : ITokenDecoder
{
    private readonly string _content = content.ToString();

    /// <inheritdoc/>
    public DecodingStep Begin(DecodingStep next) => new Step(_content, start, stop, next);

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Strip");
        json.WriteString("content", _content);
        json.WriteNumber("start", start);
        json.WriteNumber("stop", stop);
        json.WriteEndObject();
    }

    /// <summary>Lets go of a token's text as it comes, but for what may yet have to be removed.</summary>
    private sealed class Step(string content, int start, int stop, DecodingStep next) : DecodingStep
    {
        private int _removed;
        private string _held = "";   // the token's last characters, where they are the one to remove

        public override void Write(ReadOnlySpan<char> part)
        {
            while (_removed < start && part.StartsWith(content, StringComparison.Ordinal))
            {
                part = part[content.Length..];
                _removed++;
            }

            if (part.IsEmpty)
                return;
            _removed = start;
            if (stop == 0)
            {
                next.Write(part);
                return;
            }

            string all = _held + part.ToString();
            int end = all.Length;
            while (end >= content.Length && all.AsSpan(0, end).EndsWith(content, StringComparison.Ordinal))
                end -= content.Length;
            next.Write(all.AsSpan(0, end));
            _held = all[end..];
        }

        public override void EndToken()
        {
            int kept = Math.Max(0, _held.Length - stop * content.Length);
            next.Write(_held.AsSpan(0, kept));
            next.EndToken();
            (_removed, _held) = (0, "");
        }

        public override void Flush() => next.Flush();
    }
}
