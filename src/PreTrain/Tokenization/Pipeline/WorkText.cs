using System.Text;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.Pipeline;

/// <summary>
/// A text on its way through normalizers and pre-tokenizers: well-formed UTF-16 and, where it is asked for, of every code unit the place in the
/// original that it stands for. It is used again for many texts.
/// </summary>
internal sealed class WorkText
{
    private char[] _chars = new char[256];
    private int[] _starts = [];
    private int[] _ends = [];
    private char[] _newChars = new char[256];
    private int[] _newStarts = [];
    private int[] _newEnds = [];
    private int _written;
    private int _cursor;
    private int _origin;

    /// <summary>The number of UTF-16 units.</summary>
    public int Length { get; private set; }

    /// <summary>Whether the places in the original are known.</summary>
    public bool Tracks { get; private set; }

    /// <summary>The text.</summary>
    public ReadOnlySpan<char> Chars => _chars.AsSpan(0, Length);

    /// <summary>The text, for changes that keep every character where it is.</summary>
    public Span<char> Mutable => _chars.AsSpan(0, Length);

    /// <summary>The length of what a rewriting has produced so far.</summary>
    public int Written => _written;

    /// <summary>Takes a part of a text; lone surrogates become U+FFFD.</summary>
    /// <param name="part">The part.</param>
    /// <param name="origin">Where it begins in the original.</param>
    /// <param name="tracks">Whether the places in the original are kept.</param>
    public void Load(ReadOnlySpan<char> part, int origin, bool tracks)
    {
        Length = part.Length;
        Tracks = tracks;
        _origin = origin;
        if (_chars.Length < Length)
            _chars = new char[Math.Max(Length, 2 * _chars.Length)];
        part.CopyTo(_chars);
        RepairSurrogates();
        if (!tracks)
            return;
        if (_starts.Length < Length)
            (_starts, _ends) = (new int[_chars.Length], new int[_chars.Length]);
        for (int i = 0; i < Length; i++)
        {
            int width = char.IsHighSurrogate(_chars[i]) ? 2 : 1;
            for (int k = 0; k < width; k++)
                (_starts[i + k], _ends[i + k]) = (origin + i, origin + i + width);
            i += width - 1;
        }
    }

    /// <summary>Takes a part of another text on its way.</summary>
    public void Load(WorkText other, int start, int end)
    {
        Load(other.Chars[start..end], other._origin + start, other.Tracks);
        if (!Tracks)
            return;
        other._starts.AsSpan(start, Length).CopyTo(_starts);
        other._ends.AsSpan(start, Length).CopyTo(_ends);
    }

    /// <summary>Where in the original the character at an index begins. Without tracking, as if nothing had been changed.</summary>
    public int OriginalStart(int index) => Tracks ? _starts[index] : _origin + index;

    /// <summary>Where in the original the character at an index ends.</summary>
    public int OriginalEnd(int index) => Tracks ? _ends[index] : _origin + index + 1;

    /// <summary>Removes the characters for which a flag is set, and keeps the others.</summary>
    public void Remove(CharacterFlags flags)
    {
        int kept = 0;
        for (int i = 0, width; i < Length; i += width)
        {
            if (Characters.Is(Characters.At(Chars, i, out width), flags))
                continue;
            if (kept < i)
                Move(i, kept, width);
            kept += width;
        }

        Length = kept;
    }

    /// <summary>Keeps a part only.</summary>
    public void Trim(int start, int end)
    {
        if (start > 0 && end > start)
            Move(start, 0, end - start);
        Length = end - start;
    }

    /// <summary>Begins to write a new text in the place of this one.</summary>
    public void BeginRewrite() => _written = _cursor = 0;

    /// <summary>Goes on with the old character at <paramref name="index"/>.</summary>
    public void Seek(int index) => _cursor = index;

    /// <summary>Copies old characters as they are.</summary>
    public void Copy(int start, int end)
    {
        Reserve(end - start);
        _chars.AsSpan(start, end - start).CopyTo(_newChars.AsSpan(_written));
        if (Tracks)
        {
            _starts.AsSpan(start, end - start).CopyTo(_newStarts.AsSpan(_written));
            _ends.AsSpan(start, end - start).CopyTo(_newEnds.AsSpan(_written));
        }

        _written += end - start;
        _cursor = end;
    }

    /// <summary>Writes a text that stands where the old character at <paramref name="place"/> does; at −1 for nothing before the beginning.</summary>
    public void Put(ReadOnlySpan<char> text, int place)
    {
        Reserve(text.Length);
        text.CopyTo(_newChars.AsSpan(_written));
        if (Tracks)
        {
            _newStarts.AsSpan(_written, text.Length).Fill(place < 0 ? _origin : _starts[place]);
            _newEnds.AsSpan(_written, text.Length).Fill(place < 0 ? _origin : _ends[place]);
        }

        _written += text.Length;
    }

    /// <summary>Writes a character: with <paramref name="change"/> 1 one that is new and stands where the one before does; with 0 one in the place of the
    /// next old one; with −n the same, and n old ones after that go.</summary>
    public void Emit(int codePoint, int change)
    {
        Span<char> text = stackalloc char[2];
        int width = new Rune(codePoint).EncodeToUtf16(text);
        if (!Tracks)
        {
            Put(text[..width], 0);
            return;
        }

        if (change > 0)
        {
            Put(text[..width], _cursor - 1);
            return;
        }

        Put(text[..width], _cursor);
        for (int skipped = 0; skipped <= -change && _cursor < Length; skipped++)
            _cursor += char.IsHighSurrogate(_chars[_cursor]) ? 2 : 1;
    }

    /// <summary>Takes what was written.</summary>
    public void EndRewrite()
    {
        (_chars, _newChars) = (_newChars, _chars);
        (_starts, _newStarts) = (_newStarts, _starts);
        (_ends, _newEnds) = (_newEnds, _ends);
        Length = _written;
    }

    private void Reserve(int more)
    {
        int needed = checked(_written + more);
        if (_newChars.Length < needed)
            Array.Resize(ref _newChars, Math.Max(needed, 2 * _newChars.Length));
        if (Tracks && _newStarts.Length < needed)
        {
            Array.Resize(ref _newStarts, _newChars.Length);
            Array.Resize(ref _newEnds, _newChars.Length);
        }
    }

    private void Move(int from, int to, int count)
    {
        Array.Copy(_chars, from, _chars, to, count);
        if (Tracks)
        {
            Array.Copy(_starts, from, _starts, to, count);
            Array.Copy(_ends, from, _ends, to, count);
        }
    }

    private void RepairSurrogates()
    {
        Span<char> text = _chars.AsSpan(0, Length);
        int i = text.IndexOfAnyInRange('\ud800', '\udfff');
        if (i < 0)
            return;
        for (; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                i++;
            else
                text[i] = '\ufffd';
        }
    }
}
