using System.Text.Json;

namespace PreTrain.Tokenization.Patterns;

/// <summary>A pattern of a scanner: a regular expression that many vocabularies share, as code of its own.</summary>
internal abstract class ScannerPattern(string source) : TextPattern
{
    /// <summary>GPT-2's.</summary>
    public static ScannerPattern Gpt2 { get; } = new Of<Gpt2Scanner>(Gpt2Scanner.Pattern);

    /// <summary>That of Llama 3 and of <c>cl100k_base</c>.</summary>
    public static ScannerPattern Llama3 { get; } = new Of<Llama3Scanner<ThreeDigits>>(Llama3Scanner<ThreeDigits>.Pattern);

    /// <summary>That of Qwen 2.</summary>
    public static ScannerPattern Qwen2 { get; } = new Of<Llama3Scanner<OneDigit>>(Llama3Scanner<OneDigit>.Pattern);

    /// <summary>The scanner for a regular expression; the general engine if it has none.</summary>
    /// <exception cref="FormatException">The pattern is broken or has what is not known here.</exception>
    public static TextPattern ForRegex(string source) =>
        new ScannerPattern[] { Gpt2, Llama3, Qwen2 }.FirstOrDefault(known => known.Source == source) ?? (TextPattern)new RegexPattern(source);

    private string Source { get; } = source;

    /// <summary>Encodes the words of a text.</summary>
    public abstract void Encode(BytePairEncoder encoder, ReadOnlySpan<char> text);

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("pattern");
        json.WriteString("Regex", Source);
        json.WriteEndObject();
    }

    private sealed class Of<TScanner>(string source) : ScannerPattern(source) where TScanner : struct, IWordScanner
    {
        public override void Encode(BytePairEncoder encoder, ReadOnlySpan<char> text) => encoder.EncodeText<TScanner>(text);

        public override bool TryFind(ReadOnlySpan<char> text, int from, int lastEnd, out int start, out int end)
        {
            start = from;
            end = from < text.Length ? TScanner.EndOfWord(text, from) : -1;
            return end > 0;
        }
    }
}
