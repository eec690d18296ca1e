using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace PreTrain.Data;

/// <summary>Reads the bytes of text files as UTF-8, without repairing anything unless that is asked for.</summary>
internal static class Utf8File
{
    // The longest string that .NET can hold, in UTF-16 code units.
    private const int MaxStringLength = 0x3FFFFFDF;

    public static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The text of a file's bytes, without a byte order mark.</summary>
    /// <exception cref="CorpusException">There is none, or it is not UTF-8; then with the place of the byte.</exception>
    public static string Decode(string file, ReadOnlySpan<byte> bytes, bool replaceInvalid)
    {
        if (bytes.Length == 0)
            throw Empty(file);
        var text = bytes;
        if (text.StartsWith(Encoding.UTF8.Preamble))
            text = text[Encoding.UTF8.Preamble.Length..];
        try
        {
            var encoding = replaceInvalid ? Encoding.UTF8 : Strict;
            var length = encoding.GetCharCount(text);
            if (length > MaxStringLength)
            {
                throw new CorpusException(
                    $"The file '{file}' holds {length} characters; one document may hold at most {MaxStringLength}. Split it into several files.", file);
            }
            return encoding.GetString(text);
        }
        catch (DecoderFallbackException)
        {
            var offset = FirstInvalidByte(text);
            throw Invalid(file, bytes, offset + (bytes.Length - text.Length));
        }
    }

    public static CorpusException Empty(string file) =>
        new($"The file '{file}' is empty; a document must hold text. Remove it, or leave it out of the pattern.", file);

    public static CorpusException Unreadable(string file, Exception e) =>
        new($"The file '{file}' cannot be read: {e.Message} Check its permissions, and that no other program locks it.", file, e);

    /// <summary>The offset of the first byte that does not belong to well-formed UTF-8, or the length when there is none.</summary>
    internal static int FirstInvalidByte(ReadOnlySpan<byte> bytes)
    {
        var characters = ArrayPool<char>.Shared.Rent(16 * 1024);
        try
        {
            var position = 0;
            while (position < bytes.Length)
            {
                var status = Utf8.ToUtf16(bytes[position..], characters, out var read, out _, replaceInvalidSequences: false, isFinalBlock: true);
                position += read;
                if (status != OperationStatus.DestinationTooSmall)
                    break;
            }
            return position;
        }
        finally
        {
            ArrayPool<char>.Shared.Return(characters);
        }
    }

    private static CorpusException Invalid(string file, ReadOnlySpan<byte> bytes, int offset)
    {
        var remedy = bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..]
            ? "It begins like UTF-16; convert it, for example with 'iconv -f UTF-16 -t UTF-8'."
            : "Convert it, for example with 'iconv -f LATIN1 -t UTF-8', or remove the byte.";
        return new CorpusException($"The file '{file}' is not UTF-8: the byte 0x{bytes[offset]:X2} at offset {offset} is not valid there. {remedy}", file, offset);
    }
}
