using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization;

/// <summary>An encoded text, or two: parallel lists with an entry for each token.</summary>
public sealed class TokenEncoding
{
    private readonly int[] _ids;
    private readonly string[] _tokens;
    private readonly TokenSpan[] _offsets;
    private readonly int?[] _wordIds;
    private readonly int[] _typeIds;
    private readonly int?[] _sequenceIds;
    private readonly int[] _attentionMask;
    private readonly int[] _specialTokensMask;

    internal TokenEncoding(EncodingDraft draft, int paddedLength, PaddingOptions padding, (int Id, string Token) filler)
    {
        int count = Math.Max(draft.Count, paddedLength);
        int before = padding.Side == TextSide.Left ? count - draft.Count : 0;
        _ids = new int[count];
        _tokens = new string[count];
        _offsets = new TokenSpan[count];
        _wordIds = new int?[count];
        _typeIds = new int[count];
        _sequenceIds = new int?[count];
        _attentionMask = new int[count];
        _specialTokensMask = new int[count];
        Array.Fill(_ids, filler.Id);
        Array.Fill(_tokens, filler.Token);
        Array.Fill(_typeIds, padding.TypeId);
        Array.Fill(_specialTokensMask, 1);
        draft.Ids.CopyTo(_ids, before);
        draft.Tokens.CopyTo(_tokens, before);
        draft.Offsets.CopyTo(_offsets, before);
        draft.TypeIds.CopyTo(_typeIds, before);
        for (int i = 0; i < draft.Count; i++)
        {
            _wordIds[before + i] = draft.Words[i] < 0 ? null : draft.Words[i];
            _sequenceIds[before + i] = draft.Sequences[i] < 0 ? null : draft.Sequences[i];
            _attentionMask[before + i] = 1;
            _specialTokensMask[before + i] = draft.Specials[i] ? 1 : 0;
        }

        Overflow = [.. draft.Overflow.Select(window => new TokenEncoding(window, paddedLength, padding, filler))];
    }

    /// <summary>The number of tokens.</summary>
    public int Count => _ids.Length;

    /// <summary>The ids.</summary>
    public ReadOnlySpan<int> Ids => _ids;

    /// <summary>The tokens as the vocabulary spells them; an added token with the white space that it took along.</summary>
    public ReadOnlySpan<string> Tokens => _tokens;

    /// <summary>What each token stands for in its text; empty for special tokens around the texts.</summary>
    public ReadOnlySpan<TokenSpan> Offsets => _offsets;

    /// <summary>The index of the word in its text that the token is a part of; <see langword="null"/> for special tokens around the texts.</summary>
    public ReadOnlySpan<int?> WordIds => _wordIds;

    /// <summary>The type of each token, which tells the texts of a pair apart.</summary>
    public ReadOnlySpan<int> TypeIds => _typeIds;

    /// <summary>0 for tokens of the first text, 1 for those of the second, <see langword="null"/> for the others.</summary>
    public ReadOnlySpan<int?> SequenceIds => _sequenceIds;

    /// <summary>1 for tokens, 0 for what fills up.</summary>
    public ReadOnlySpan<int> AttentionMask => _attentionMask;

    /// <summary>1 for special tokens around the texts and for what fills up, 0 for the tokens of the texts.</summary>
    public ReadOnlySpan<int> SpecialTokensMask => _specialTokensMask;

    /// <summary>The windows that truncation cut off, each an encoding of its own.</summary>
    public IReadOnlyList<TokenEncoding> Overflow { get; }
}
