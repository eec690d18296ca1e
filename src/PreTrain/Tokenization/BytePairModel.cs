using System.Text;

namespace PreTrain.Tokenization;

/// <summary>A byte-level BPE model with what encoding and decoding at full speed need: the ids of the bytes, the bytes of the ids. Immutable.</summary>
internal sealed class BytePairModel
{
    private readonly byte[] _bytes;   // of all tokens, one after another
    private readonly int[] _ends;

    /// <param name="model">A model that reads bytes and knows all 256.</param>
    /// <param name="addedTokens">The added tokens, in its vocabulary or beyond it.</param>
    public BytePairModel(BpeModel model, IReadOnlyList<AddedToken> addedTokens)
    {
        Model = model;
        AddedTokens = addedTokens;
        Dictionary<int, string> added = addedTokens.ToDictionary(token => token.Id, token => token.Content);
        int size = Math.Max(model.Size, added.Keys.Append(-1).Max() + 1);
        int length = 0;
        for (int id = 0; id < size; id++)
            length = checked(length + Encoding.UTF8.GetByteCount(Token(id, out _)));   // at least as many as it spells
        _bytes = new byte[length];
        _ends = new int[size];
        int end = 0;
        for (int id = 0; id < size; id++)
        {
            // An added token is text as it stands, while the others spell bytes.
            ReadOnlySpan<char> token = Token(id, out bool isAdded);
            end += isAdded ? Encoding.UTF8.GetBytes(token, _bytes.AsSpan(end)) : ByteAlphabet.Unspell(token, _bytes.AsSpan(end));
            _ends[id] = end;
        }

        for (int b = 0; b < 256; b++)
            ByteIds[b] = model.IdOf(ByteAlphabet.ToChar((byte)b).ToString())!.Value;

        ReadOnlySpan<char> Token(int id, out bool isAdded)
        {
            isAdded = added.TryGetValue(id, out string? content);
            return isAdded ? content : model.Vocabulary.CharsOf(id);
        }
    }

    /// <summary>The model.</summary>
    public BpeModel Model { get; }

    /// <summary>The added tokens.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; }

    /// <summary>The id of each single byte.</summary>
    public int[] ByteIds { get; } = new int[256];

    /// <summary>Whether a model reads bytes, knows all of them, and does nothing that the fast path does not.</summary>
    public static bool Fits(ITokenModel model)
    {
        if (model is not BpeModel { Settings: { ByteLevel: true, Dropout: 0, ContinuingPrefix: null or "", EndOfWordSuffix: null or "" } } bpe)
            return false;
        for (int b = 0; b < 256; b++)
        {
            if (bpe.IdOf(ByteAlphabet.ToChar((byte)b).ToString()) is null)
                return false;
        }

        return true;
    }

    /// <summary>The bytes of a token; empty if no token has this id.</summary>
    public ReadOnlySpan<byte> BytesOf(int id)
    {
        int start = id == 0 ? 0 : _ends[id - 1];
        return _bytes.AsSpan(start, _ends[id] - start);
    }
}
