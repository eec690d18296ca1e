namespace PreTrain.Tokenization;

/// <summary>Turns places in the UTF-8 of a piece into places in its UTF-16, for questions that go from left to right.</summary>
/// <param name="bytes">The UTF-8.</param>
/// <param name="length">The length in UTF-16 code units.</param>
internal ref struct PlaceReader(ReadOnlySpan<byte> bytes, int length)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private readonly bool _isAscii = bytes.Length == length;
    private int _byte;   // of a character's first byte
    private int _unit;

    /// <summary>Where the character starts that a byte belongs to.</summary>
    public int StartOf(int position)
    {
        if (_isAscii)
            return Math.Min(position, _bytes.Length);
        MoveTo(position);
        return _unit;
    }

    /// <summary>Where the character ends that the byte before belongs to.</summary>
    public int EndOf(int position)
    {
        if (_isAscii)
            return Math.Min(position, _bytes.Length);
        MoveTo(position);
        return _byte >= position || _byte == _bytes.Length ? _unit : _unit + (_bytes[_byte] >= 0xF0 ? 2 : 1);
    }

    private void MoveTo(int position)
    {
        while (_byte < _bytes.Length)
        {
            byte lead = _bytes[_byte];
            int width = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
            if (_byte + width > position)
                break;
            _byte += width;
            _unit += width == 4 ? 2 : 1;
        }
    }
}
