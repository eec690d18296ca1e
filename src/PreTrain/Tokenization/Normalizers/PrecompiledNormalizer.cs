using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Normalizers;

/// <summary>
/// SentencePiece's compiled replacement rules: a double-array trie (Darts-clone) whose values are places in a list of texts, each ended by a zero.
/// As in Hugging Face's tokenizers the rules are tried on whole grapheme clusters of fewer than six bytes, of which the shortest prefix in the trie
/// decides, then on single characters.
/// </summary>
internal sealed class PrecompiledNormalizer : ITextNormalizer
{
    private const int LongestCluster = 5;   // bytes

    private readonly byte[] _rules;
    private readonly uint[] _trie;
    private readonly byte[] _texts;
    private readonly bool[] _isPlainAscii = new bool[128];   // neither a rule nor the beginning of one

    /// <param name="rules">The length of the trie in bytes, the trie, the texts.</param>
    /// <exception cref="FormatException">The rules are broken.</exception>
    public PrecompiledNormalizer(byte[] rules)
    {
        _rules = rules;
        int trieBytes = rules.Length < 4 ? -1 : BinaryPrimitives.ReadInt32LittleEndian(rules);
        if (trieBytes < 4 || trieBytes % 4 != 0 || trieBytes > rules.Length - 4)
            throw new FormatException("the first four bytes must give the length of a trie that the rules hold");
        _trie = new uint[trieBytes / 4];
        for (int i = 0; i < _trie.Length; i++)
            _trie[i] = BinaryPrimitives.ReadUInt32LittleEndian(rules.AsSpan(4 + 4 * i));
        _texts = rules[(4 + trieBytes)..];
        try
        {
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetCharCount(_texts);
        }
        catch (DecoderFallbackException)
        {
            throw new FormatException("the texts after the trie must be UTF-8");
        }

        Span<byte> one = stackalloc byte[1];
        for (int c = 1; c < 128; c++)
        {
            one[0] = (byte)c;
            _isPlainAscii[c] = Find(one) < 0;
        }
    }

    /// <inheritdoc/>
    public void Normalize(WorkText text)
    {
        ReadOnlySpan<char> chars = text.Chars;
        if (PlainLength(chars) == chars.Length)
            return;
        // Where places are kept, the changes are collected first: a rule without a text changes the one before it.
        List<(int CodePoint, int Change)>? changes = text.Tracks ? [] : null;
        text.BeginRewrite();
        for (int i = 0; i < chars.Length;)
        {
            int plain = PlainLength(chars[i..]);
            if (plain > 0 && i + plain < chars.Length)
                plain--;   // what follows may be a mark on the last one
            if (plain > 0)
            {
                Keep(text, changes, i, i + plain);
                i += plain;
                continue;
            }

            int length = StringInfo.GetNextTextElementLength(chars[i..]);
            NormalizeCluster(text, changes, i, i + length);
            i += length;
        }

        changes?.ForEach(change => text.Emit(change.CodePoint, change.Change));
        text.EndRewrite();
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Precompiled");
        json.WriteBase64String("precompiled_charsmap", _rules);
        json.WriteEndObject();
    }

    /// <summary>How many ASCII characters come first that no rule is about. Such form no cluster with one another.</summary>
    private int PlainLength(ReadOnlySpan<char> chars)
    {
        int i = 0;
        while (i < chars.Length && chars[i] < 128 && _isPlainAscii[chars[i]])
            i++;
        return i;
    }

    private void NormalizeCluster(WorkText text, List<(int CodePoint, int Change)>? changes, int start, int end)
    {
        ReadOnlySpan<char> chars = text.Chars;
        Span<byte> bytes = stackalloc byte[LongestCluster + 3];
        if (end - start <= LongestCluster && Encoding.UTF8.GetByteCount(chars[start..end]) is var count and <= LongestCluster)
        {
            Encoding.UTF8.GetBytes(chars[start..end], bytes);
            if (Find(bytes[..count]) is >= 0 and int at)
            {
                Replace(text, changes, chars[start..end], at);
                return;
            }
        }

        for (int i = start, width; i < end; i += width)
        {
            Rune.DecodeFromUtf16(chars[i..end], out Rune rune, out width);
            if (Find(bytes[..rune.EncodeToUtf8(bytes)]) is >= 0 and int at)
                Replace(text, changes, chars.Slice(i, width), at);
            else
                Keep(text, changes, i, i + width);
        }
    }

    private static void Keep(WorkText text, List<(int CodePoint, int Change)>? changes, int start, int end)
    {
        if (changes is null)
        {
            text.Copy(start, end);
            return;
        }

        foreach (Rune rune in text.Chars[start..end].EnumerateRunes())
            changes.Add((rune.Value, 0));
    }

    /// <summary>Writes the text of a rule: its characters take the places of the old ones, and those that are too many that of the last.</summary>
    private void Replace(WorkText text, List<(int CodePoint, int Change)>? changes, ReadOnlySpan<char> old, int at)
    {
        ReadOnlySpan<byte> content = _texts.AsSpan(at);
        int zero = content.IndexOf((byte)0);
        content = zero < 0 ? content : content[..zero];
        int oldCount = 0, newCount = 0;
        foreach (Rune _ in old.EnumerateRunes())
            oldCount++;
        while (!content.IsEmpty)
        {
            Rune.DecodeFromUtf8(content, out Rune rune, out int width);
            content = content[width..];
            newCount++;
            if (changes is null)
                text.Emit(rune.Value, 1);
            else
                changes.Add((rune.Value, newCount > oldCount ? 1 : 0));
        }

        if (newCount < oldCount && changes is { Count: > 0 })
            changes[^1] = (changes[^1].CodePoint, changes[^1].Change + newCount - oldCount);
    }

    /// <summary>The place of the text for the shortest prefix of a key that is in the trie; −1 if none is.</summary>
    private int Find(ReadOnlySpan<byte> key)
    {
        uint node = Offset(_trie[0]);
        foreach (byte b in key)
        {
            if (b == 0)
                return -1;
            node ^= b;
            if (node >= (uint)_trie.Length)
                return -1;
            uint unit = _trie[node];
            if ((unit & 0x800000FF) != b)
                return -1;
            node ^= Offset(unit);
            if ((unit >> 8 & 1) == 1)
            {
                if (node >= (uint)_trie.Length)
                    return -1;
                int value = (int)(_trie[node] & 0x7FFFFFFF);
                return value <= _texts.Length ? value : -1;
            }
        }

        return -1;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & (1u << 9)) >> 6);
}
