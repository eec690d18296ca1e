using System.Numerics;
using System.Runtime.CompilerServices;

namespace PreTrain.Tokenization;

/// <summary>
/// Tokens and their ids, all different; ids may have gaps. A table with open addressing, at most half full, over the tokens' characters one after another:
/// strings are made when they are asked for, since a large vocabulary is loaded faster without. It changes by <see cref="TryAdd"/> alone.
/// </summary>
internal sealed class TokenVocabulary
{
    private string?[] _tokens;   // by id, made when asked for
    private Piece[] _pieces;     // by id
    private char[] _chars;
    private int _used;           // of the characters
    private Slot[] _slots;
    private int _shift;

    /// <summary>An empty vocabulary.</summary>
    /// <param name="capacity">The number of tokens that is expected.</param>
    public TokenVocabulary(int capacity = 0)
    {
        _tokens = new string?[capacity];
        _pieces = new Piece[capacity];
        _chars = new char[8 * capacity];
        _slots = [];
        Resize((int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, capacity * 2)));
    }

    /// <exception cref="ArgumentException">An id is out of range, or belongs to two tokens; or a token is there twice.</exception>
    public TokenVocabulary(IEnumerable<KeyValuePair<string, int>> vocabulary) : this(vocabulary.TryGetNonEnumeratedCount(out int count) ? count : 0)
    {
        foreach ((string token, int id) in vocabulary)
        {
            if (id is < 0 or > Json.TokenizerFile.LargestId)
                throw new ArgumentException($"The id of token '{token}' ({id}) must be from 0 to {Json.TokenizerFile.LargestId}.", nameof(vocabulary));
            if (TryAdd(token, id))
                continue;
            throw new ArgumentException(
                IdOf(token) is { } first ? $"The token '{token}' is there twice, with ids {first} and {id}." : $"The id {id} belongs to two tokens, '{TokenOf(id)}' and '{token}'; ids must be different.",
                nameof(vocabulary));
        }
    }

    /// <summary>The highest id plus one.</summary>
    public int Size { get; private set; }

    /// <summary>The number of tokens.</summary>
    public int Count { get; private set; }

    /// <summary>The tokens in the order of their ids.</summary>
    public IEnumerable<KeyValuePair<string, int>> InOrder
    {
        get
        {
            for (int id = 0; id < Size; id++)
            {
                if (TokenOf(id) is { } token)
                    yield return new(token, id);
            }
        }
    }

    /// <summary>A vocabulary of tokens whose ids are their places.</summary>
    public static TokenVocabulary FromList(IEnumerable<string> tokens) => new(tokens.Select((token, id) => KeyValuePair.Create(token, id)));

    /// <summary>The token with this id; <see langword="null"/> if there is none.</summary>
    public string? TokenOf(int id) => Has(id) ? _tokens[id] ??= CharsOf(id).ToString() : null;

    /// <summary>Whether a token has this id.</summary>
    public bool Has(int id) => (uint)id < (uint)Size && _pieces[id].IsThere;

    /// <summary>The characters of the token with this id; none if there is none.</summary>
    public ReadOnlySpan<char> CharsOf(int id) => (uint)id < (uint)Size ? _chars.AsSpan(_pieces[id].Start, _pieces[id].Length) : default;

    /// <summary>The id of a token; <see langword="null"/> if there is none.</summary>
    public int? IdOf(string token) => TryFind(token, out int id) ? id : null;

    /// <summary>The id of a token.</summary>
    public bool TryFind(ReadOnlySpan<char> token, out int id)
    {
        ref Slot slot = ref SlotOf(token, string.GetHashCode(token));
        id = slot.Place - 1;
        return slot.Place != 0;
    }

    /// <summary>Adds a token with an id that is not negative. If either is there already, nothing happens, and the result is <see langword="false"/>.</summary>
    public bool TryAdd(ReadOnlySpan<char> token, int id)
    {
        int hash = string.GetHashCode(token);
        ref Slot slot = ref SlotOf(token, hash);
        if (slot.Place != 0 || Has(id))
            return false;
        slot = new Slot { Hash = hash, Place = id + 1 };
        if (id >= _tokens.Length)
        {
            int length = Math.Max(id + 1, 2 * _tokens.Length);
            Array.Resize(ref _tokens, length);
            Array.Resize(ref _pieces, length);
        }

        if (_chars.Length - _used < token.Length)
            Array.Resize(ref _chars, checked(Math.Max(_used + token.Length, 2 * _chars.Length)));
        token.CopyTo(_chars.AsSpan(_used));
        _pieces[id] = new Piece { Start = _used, Length = token.Length, IsThere = true };
        _used += token.Length;
        Size = Math.Max(Size, id + 1);
        if (++Count * 2 > _slots.Length)
            Resize(_slots.Length * 2);
        return true;
    }

    /// <summary>The slot that holds a token, or the free one where it would be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private ref Slot SlotOf(ReadOnlySpan<char> token, int hash)
    {
        Slot[] slots = _slots;
        for (int i = Home(hash); ; i = (i + 1) & (slots.Length - 1))
        {
            ref Slot slot = ref slots[i];
            if (slot.Place == 0 || (slot.Hash == hash && token.SequenceEqual(CharsOf(slot.Place - 1))))
                return ref slot;
        }
    }

    private void Resize(int size)
    {
        Slot[] old = _slots;
        _slots = new Slot[size];
        _shift = 32 - BitOperations.Log2((uint)size);
        foreach (Slot slot in old)
        {
            if (slot.Place == 0)
                continue;
            int i = Home(slot.Hash);
            while (_slots[i].Place != 0)
                i = (i + 1) & (size - 1);
            _slots[i] = slot;
        }
    }

    private int Home(int hash) => (int)((uint)hash * 0x9E3779B9 >> _shift);

    private struct Piece
    {
        public int Start;
        public int Length;
        public bool IsThere;
    }

    private struct Slot
    {
        public int Hash;
        public int Place;   // the id plus one; 0: free
    }
}
