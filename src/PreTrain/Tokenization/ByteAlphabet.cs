using System.Text;

namespace PreTrain.Tokenization;

/// <summary>
/// GPT-2's printable spelling of bytes: a printable Latin-1 byte is its own character, the 68 others follow from U+0100 on
/// (Radford et al. 2019, <c>bytes_to_unicode</c>). Vocabularies spell their tokens so; texts never see it.
/// </summary>
internal static class ByteAlphabet
{
    private const int End = 0x100 + 68;
    private static readonly char[] s_toChar = new char[256];
    private static readonly short[] s_toByte = new short[End];

    static ByteAlphabet()
    {
        Array.Fill(s_toByte, (short)-1);
        int next = 0x100;
        for (int b = 0; b < 256; b++)
        {
            bool printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            s_toChar[b] = (char)(printable ? b : next++);
            s_toByte[s_toChar[b]] = (short)b;
        }

        InOrder = [.. s_toChar.Order()];
    }

    /// <summary>The 256 characters in the order of their code points, which is the order of their ids in a trained vocabulary.</summary>
    public static char[] InOrder { get; }

    /// <summary>The character that spells a byte.</summary>
    public static char ToChar(byte b) => s_toChar[b];

    /// <summary>The byte that a character spells, or −1.</summary>
    public static int ToByte(char c) => c < End ? s_toByte[c] : -1;

    /// <summary>Spells bytes.</summary>
    public static string Spell(ReadOnlySpan<byte> bytes)
    {
        char[] chars = new char[bytes.Length];
        for (int i = 0; i < chars.Length; i++)
            chars[i] = s_toChar[bytes[i]];
        return new string(chars);
    }

    /// <summary>The bytes that a token spells; the UTF-8 of the token itself if it holds a character that spells none.</summary>
    public static byte[] Unspell(string token)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetMaxByteCount(token.Length)];
        return bytes[..Unspell(token, bytes)];
    }

    /// <summary>Writes the bytes that a token spells, and returns how many; room for its UTF-8 is enough.</summary>
    public static int Unspell(ReadOnlySpan<char> token, Span<byte> bytes)
    {
        for (int i = 0; i < token.Length; i++)
        {
            int b = ToByte(token[i]);
            if (b < 0)
                return Encoding.UTF8.GetBytes(token, bytes);
            bytes[i] = (byte)b;
        }

        return token.Length;
    }
}
