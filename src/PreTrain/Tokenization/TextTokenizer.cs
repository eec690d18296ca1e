using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;
using PreTrain.Tokenization.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization;

/// <summary>
/// A tokenizer that a model can be trained with. To what every tokenizer of <c>Microsoft.ML.Tokenizers</c> offers it adds the vocabulary,
/// an encoding path that allocates nothing per token, streaming decoding, saving, and a fingerprint. Safe for concurrent use.
/// </summary>
public abstract partial class TextTokenizer : Tokenizer
{
    /// <summary>The number of rows that an embedding for this tokenizer needs: the highest id plus one.</summary>
    public abstract int VocabSize { get; }

    /// <summary>The tokens that have a role.</summary>
    public virtual SpecialTokenIds SpecialTokens => new() { EndOfText = EndOfTextId };

    /// <summary>The id that ends a document; <see langword="null"/> if the vocabulary has none.</summary>
    public abstract int? EndOfTextId { get; }

    /// <summary>What stands between documents: the token that ends one, else, as in vocabularies of BERT's kind, the separator.</summary>
    internal int? DocumentEndId => EndOfTextId ?? SpecialTokens.Separator;

    /// <summary>The token that its template puts before every text; <see langword="null"/> if it puts none there.</summary>
    public int? AddedBeginOfTextId => SpecialTokens.BeginOfText is { } begin && Tokenize("", options: EncodingOptions.Whole).Ids is [var first, ..] && first == begin ? begin : null;

    /// <summary>The SHA-256 of the tokenizer's canonical <c>tokenizer.json</c>, in lower-case hexadecimal. Equal for two tokenizers
    /// exactly if <see cref="Save"/> writes the same file for both, so that token stores and runs can refuse ids of another tokenizer.</summary>
    public abstract string Fingerprint { get; }

    /// <summary>Looks up the token with an id.</summary>
    /// <param name="id">The id.</param>
    /// <returns>The token as the vocabulary spells it; <see langword="null"/> if there is none.</returns>
    public abstract string? IdToToken(int id);

    /// <summary>Looks up the id of a token.</summary>
    /// <param name="token">The token as the vocabulary spells it.</param>
    /// <returns>Its id; <see langword="null"/> if there is none.</returns>
    public abstract int? TokenToId(string token);

    /// <summary>Whether the id is that of a special token, which marks structure and is no text (<c>&lt;|endoftext|&gt;</c>).</summary>
    public abstract bool IsSpecial(int id);

    /// <summary>Looks up what a token contributes to a decoded text.</summary>
    /// <param name="id">The token.</param>
    /// <param name="isFirst">Whether no token comes before it: some vocabularies drop a leading space then.</param>
    /// <returns>UTF-8; a character may be spread over several tokens.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No token has this id.</exception>
    public abstract ReadOnlySpan<byte> GetTokenBytes(int id, bool isFirst);

    /// <summary>Encodes a text and appends its ids. Special tokens inside the text are recognised; none is added.</summary>
    /// <param name="text">The text; a lone surrogate counts as U+FFFD.</param>
    /// <param name="ids">Where the ids are appended.</param>
    public abstract void Encode(ReadOnlySpan<char> text, List<int> ids);

    /// <summary>Whether <see cref="Save"/> can write it.</summary>
    public virtual bool CanSave => true;

    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c>, as Hugging Face's tokenizers and transformers read them.</summary>
    /// <param name="folder">The folder; created if it does not exist.</param>
    public abstract void Save(string folder);

    /// <summary>Loads any tokenizer: the fast class where it applies, the general one otherwise.</summary>
    /// <param name="path">A folder with <c>tokenizer.json</c>, with <c>vocab.json</c> and <c>merges.txt</c>, with <c>vocab.txt</c>, with a SentencePiece <c>.model</c>, or with
    /// tiktoken's ranks (<c>.tiktoken</c>); or one of these files. <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c> beside it say which tokens have a role.</param>
    /// <returns>A <see cref="ByteLevelBpeTokenizer"/> where the file is byte-level BPE with the pattern of GPT-2, Llama 3 or Qwen 2, else a <see cref="PipelineTokenizer"/>.</returns>
    /// <exception cref="TokenizerException">A file is missing, broken, or holds what is not known here.</exception>
    public static TextTokenizer Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return TokenizerFolder.Load(path);
    }

    /// <summary>What the tokenizer is made of, in the terms of <c>tokenizer.json</c>.</summary>
    public virtual TokenizerDescription Describe() => new(GetType().Name, null, null, null, null);

    /// <summary>Encodes a text to its ids. Special tokens inside the text are recognised; none is added.</summary>
    /// <param name="text">The text; a lone surrogate counts as U+FFFD.</param>
    /// <returns>The ids in their order.</returns>
    public int[] Encode(ReadOnlySpan<char> text)
    {
        var ids = new List<int>();
        Encode(text, ids);
        return [.. ids];
    }

    /// <summary>Decodes ids to text. Bytes that form no character become U+FFFD, as Unicode recommends (§3.9, substitution of maximal subparts).</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No token has one of the ids.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        var text = new StringBuilder(Math.Max(16, ids.Length * 4));
        TokenDecoding decoding = BeginDecoding(skipSpecialTokens);
        foreach (int id in ids)
            decoding.Push(id, text);
        decoding.Flush(text);
        return text.ToString();
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">No token has one of the ids.</exception>
    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var text = new StringBuilder();
        TokenDecoding decoding = BeginDecoding(skipSpecialTokens: false);
        foreach (int id in ids)
            decoding.Push(id, text);
        decoding.Flush(text);
        return text.ToString();
    }

    /// <summary>Decodes ids to text in <paramref name="destination"/>, whole characters only.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="destination">Where the text goes.</param>
    /// <param name="idsConsumed">How many ids the written text stands for; always at the end of a character.</param>
    /// <param name="charsWritten">The length of the written text.</param>
    /// <returns><see cref="OperationStatus.Done"/>, or <see cref="OperationStatus.DestinationTooSmall"/> if only the first ids fitted.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No token has one of the ids.</exception>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        idsConsumed = charsWritten = 0;
        var decoder = new StreamingDecoder(this);
        int seen = 0, length = 0;
        foreach (int id in ids)
        {
            string text = decoder.Push(id);
            if (!text.TryCopyTo(destination[length..]))
                return OperationStatus.DestinationTooSmall;
            seen++;
            length += text.Length;
            if (!decoder.HasPendingBytes)
                (idsConsumed, charsWritten) = (seen, length);
        }

        string rest = decoder.Flush();
        if (!rest.TryCopyTo(destination[length..]))
            return OperationStatus.DestinationTooSmall;
        (idsConsumed, charsWritten) = (seen, length + rest.Length);
        return OperationStatus.Done;
    }

    /// <summary>Begins to decode.</summary>
    internal virtual TokenDecoding BeginDecoding(bool skipSpecialTokens) => new ByteDecoding(this, skipSpecialTokens);
}
