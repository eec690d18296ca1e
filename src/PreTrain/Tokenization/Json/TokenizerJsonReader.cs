using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.PreTokenizers;

namespace PreTrain.Tokenization.Json;

/// <summary>Reads a <c>tokenizer.json</c>, and refuses by name and place what it does not know.</summary>
internal sealed class TokenizerJsonReader(TokenizerFile file)
{
    private readonly List<(AddedToken Token, long At)> _added = [];
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private readonly ModelReader _model = new(file);
    private bool _hasModel;
    private ITextNormalizer? _normalizer;
    private ITextSplitter? _preTokenizer;
    private IPostProcessor? _postProcessor;
    private ITokenDecoder? _decoder;
    private TruncationOptions? _truncation;
    private PaddingOptions? _padding;

    /// <summary>Reads the file.</summary>
    public TokenizerParts Read()
    {
        file.Read(ReadAll);
        if (!_hasModel)
            throw new TokenizerException(file.Path, "The file holds no model with a vocabulary.");
        bool readsBytes = TryFindByteLevel(out ByteLevelSplitter? spelling);
        ITokenModel model = _model.Build(readsBytes);
        if (model is BpeModel { Settings.ByteLevel: true })
            _preTokenizer = WithoutSpelling(spelling!);
        CheckAddedTokens(model);
        return new TokenizerParts
        {
            Model = model,
            AddedTokens = [.. _added.Select(added => added.Token).OrderBy(token => token.Id)],
            Normalizer = _normalizer,
            PreTokenizer = _preTokenizer,
            PostProcessor = _postProcessor,
            Decoder = _decoder,
            Truncation = _truncation,
            Padding = _padding,
        };
    }

    private void ReadAll(ref Utf8JsonReader reader)
    {
        file.Require(ref reader, JsonTokenType.StartObject, "The tokenizer");
        while (TokenizerFile.NextProperty(ref reader) is { } name)
        {
            if (!_seen.Add(name))
                throw file.Fault(reader.TokenStartIndex, $"The property '{name}' is there twice.");
            switch (name)
            {
                case "model":
                    _model.Read(ref reader);
                    _hasModel = true;
                    break;
                case "added_tokens":
                    ReadAddedTokens(ref reader);
                    break;
                default:
                    ReadPart(name, JsonPart.Read(file, ref reader, name));
                    break;
            }
        }
    }

    private void ReadPart(string name, JsonPart part)
    {
        if (part.IsNull)
            return;
        switch (name)
        {
            case "version":
                if (part.Text() != "1.0")
                    throw part.Fault($"is '{part.Text()}'; only 1.0 is known here.");
                break;
            case "truncation":
                _truncation = Truncation(part);
                break;
            case "padding":
                _padding = Padding(part);
                break;
            case "normalizer":
                _normalizer = ComponentReader.Normalizer(part);
                break;
            case "pre_tokenizer":
                _preTokenizer = ComponentReader.PreTokenizer(part);
                break;
            case "post_processor":
                _postProcessor = ComponentReader.PostProcessor(part);
                break;
            case "decoder":
                _decoder = ComponentReader.Decoder(part);
                break;
            default:
                throw part.Fault("is a part of a tokenizer that is not known here.");
        }
    }

    private static TruncationOptions Truncation(JsonPart part)
    {
        var options = new TruncationOptions
        {
            Side = part.Find("direction")?.Choice<TextSide>() ?? TextSide.Right,
            MaxLength = part.Get("max_length").Number(),
            Strategy = part.Get("strategy").Choice<TruncationStrategy>(),
            Stride = part.Get("stride").Number(),
        };
        part.RequireAllKnown("the truncation");
        return options;
    }

    private static PaddingOptions Padding(JsonPart part)
    {
        JsonPart strategy = part.Get("strategy");
        bool isFixed = strategy.IsObject;
        if (!isFixed && strategy.Text() != "BatchLongest")
            throw strategy.Fault($"must be BatchLongest or have 'Fixed', but it is '{strategy.Text()}'.");
        var options = new PaddingOptions
        {
            Strategy = isFixed ? PaddingStrategy.Fixed : PaddingStrategy.Longest,
            Length = isFixed ? strategy.Get("Fixed").Number() : 0,
            Side = part.Get("direction").Choice<TextSide>(),
            MultipleOf = part.Find("pad_to_multiple_of")?.Number() ?? 0,
            Id = part.Get("pad_id").Number(TokenizerFile.LargestId),
            TypeId = part.Get("pad_type_id").Number(),
            Token = part.Get("pad_token").Text(),
        };
        part.RequireAllKnown("the padding");
        return options;
    }

    private void ReadAddedTokens(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
            return;
        file.Require(ref reader, JsonTokenType.StartArray, "added_tokens");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            long at = reader.TokenStartIndex;
            file.Require(ref reader, JsonTokenType.StartObject, "An added token");
            JsonPart part = JsonPart.Read(file, ref reader, "added_tokens");
            JsonPart? id = part.Find("id"), content = part.Find("content");
            if (id is null || content is null || content.Text().Length == 0)
                throw file.Fault(at, "An added token needs an id and a content.");
            _added.Add((new AddedToken(
                id.Number(TokenizerFile.LargestId), content.Text(), part.Find("single_word")?.Boolean() ?? false, part.Find("lstrip")?.Boolean() ?? false,
                part.Find("rstrip")?.Boolean() ?? false, part.Find("normalized")?.Boolean() ?? false, part.Find("special")?.Boolean() ?? false), at));
            part.RequireAllKnown("an added token");
        }
    }

    private void CheckAddedTokens(ITokenModel model)
    {
        var owners = new Dictionary<int, string>();
        var contents = new HashSet<string>(StringComparer.Ordinal);
        foreach ((AddedToken token, long at) in _added)
        {
            if (!contents.Add(token.Content))
                throw file.Fault(at, $"The added token '{token.Content}' is there twice.");
            if (model.IdOf(token.Content) is { } id && id != token.Id)
                throw file.Fault(at, $"The added token '{token.Content}' has the id {token.Id}, but in the vocabulary it has {id}.");
            string? owner = model.TokenOf(token.Id) ?? owners.GetValueOrDefault(token.Id);
            if (owner is not null && owner != token.Content)
                throw file.Fault(at, $"The id {token.Id} belongs to two tokens, '{owner}' and '{token.Content}'; ids must be different.");
            owners[token.Id] = token.Content;
        }
    }

    /// <summary>Whether the pieces end up spelled as bytes, by a step that is the last one and the only one to do so.</summary>
    private bool TryFindByteLevel(out ByteLevelSplitter? spelling)
    {
        spelling = _preTokenizer as ByteLevelSplitter;
        if (_preTokenizer is SplitterSequence { Steps: [.., ByteLevelSplitter last] steps } && steps.Count(step => step is ByteLevelSplitter or SplitterSequence) == 1)
            spelling = last;
        return spelling is not null;
    }

    private ITextSplitter WithoutSpelling(ByteLevelSplitter spelling) =>
        _preTokenizer is SplitterSequence sequence ? new SplitterSequence([.. sequence.Steps.SkipLast(1), spelling.WithoutSpelling()]) : spelling.WithoutSpelling();
}
