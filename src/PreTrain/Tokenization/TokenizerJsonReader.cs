using System.Text.Json;

namespace PreTrain.Tokenization;

/// <summary>Reads a <c>tokenizer.json</c> of the GPT-2 kind, and refuses by name what would make another tokenizer of it.</summary>
internal sealed class TokenizerJsonReader(TokenizerFile file)
{
    private readonly List<(AddedToken Token, long At)> _added = [];
    private readonly List<(string Left, string Right, long At)> _merges = [];
    private Dictionary<string, int>? _vocabulary;
    private long _vocabularyAt;
    private bool _hasByteLevel;
    private bool _addPrefixSpace;
    private bool _ignoreMerges;
    private string? _unknownToken;

    public BytePairModel Read(string? endOfText)
    {
        file.Read(ReadAll);
        if (_vocabulary is null)
            throw new TokenizerException(file.Path, "The file holds no model with a vocabulary.");
        if (!_hasByteLevel)
            throw new TokenizerException(file.Path, "The file has no pre_tokenizer of type 'ByteLevel', which GPT-2's kind of tokenizer needs.");
        BytePairJson.RequireBytes(_vocabulary, fault => file.Fault(_vocabularyAt, fault));
        List<Merge> merges = [.. _merges.Select(m => BytePairJson.Resolve(_vocabulary, m.Left, m.Right, fault => file.Fault(m.At, fault)))];
        CheckAddedTokens();
        if (endOfText is null)
            endOfText = _added.Select(a => a.Token.Content).FirstOrDefault(content => content is BytePairJson.EndOfText or "</s>");
        else if (!_vocabulary.ContainsKey(endOfText) && !_added.Exists(a => a.Token.Content == endOfText))
            throw new TokenizerException(file.Path, $"tokenizer_config.json says that '{endOfText}' ends a document, but no such token is here.");
        return new BytePairModel(_vocabulary, merges, [.. _added.Select(a => a.Token)])
        {
            AddPrefixSpace = _addPrefixSpace,
            IgnoreMerges = _ignoreMerges,
            UnknownToken = _unknownToken,
            EndOfText = endOfText,
        };
    }

    private void ReadAll(ref Utf8JsonReader reader)
    {
        file.Require(ref reader, JsonTokenType.StartObject, "The tokenizer");
        while (TokenizerFile.NextProperty(ref reader) is { } name)
        {
            switch (name)
            {
                case "added_tokens":
                    ReadAddedTokens(ref reader);
                    break;
                case "normalizer" when reader.TokenType != JsonTokenType.Null:
                    throw file.Fault(reader.TokenStartIndex, "The file has a normalizer, which a byte-level BPE tokenizer of GPT-2's kind has not.");
                case "pre_tokenizer":
                    ReadByteLevel(ref reader, name, (ref r, property) =>
                    {
                        if (property == "add_prefix_space")
                            _addPrefixSpace = file.ReadBoolean(ref r, property);
                        else if (property == "use_regex" && !file.ReadBoolean(ref r, property))
                            throw file.Fault(r.TokenStartIndex, "The pre_tokenizer does not use GPT-2's pattern (use_regex is false); only that one is known here.");
                    });
                    _hasByteLevel = true;
                    break;
                case "post_processor" or "decoder" when reader.TokenType != JsonTokenType.Null:
                    ReadByteLevel(ref reader, name, static (ref _, _) => { });
                    break;
                case "model":
                    ReadModel(ref reader);
                    break;
                default:
                    reader.Skip();   // version, and truncation and padding, which belong to the caller
                    break;
            }
        }
    }

    private void ReadByteLevel(ref Utf8JsonReader reader, string part, PropertyAction read)
    {
        long at = reader.TokenStartIndex;
        file.Require(ref reader, JsonTokenType.StartObject, $"The {part}");
        string? type = null;
        while (TokenizerFile.NextProperty(ref reader) is { } name)
        {
            if (name == "type")
                type = file.ReadString(ref reader, $"The type of the {part}");
            else
                read(ref reader, name);
            reader.Skip();
        }

        if (type != "ByteLevel")
            throw file.Fault(at, $"The {part} is of type '{type}'; it must be 'ByteLevel', as in GPT-2's kind of tokenizer.");
    }

    private void ReadAddedTokens(ref Utf8JsonReader reader)
    {
        file.Require(ref reader, JsonTokenType.StartArray, "added_tokens");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            long at = reader.TokenStartIndex;
            file.Require(ref reader, JsonTokenType.StartObject, "An added token");
            int? id = null;
            string? content = null;
            var token = new AddedToken(0, "", Special: false);
            while (TokenizerFile.NextProperty(ref reader) is { } name)
            {
                switch (name)
                {
                    case "id":
                        id = file.ReadId(ref reader, "The id of an added token");
                        break;
                    case "content":
                        content = file.ReadString(ref reader, "The content of an added token");
                        break;
                    case "single_word":
                        token = token with { SingleWord = file.ReadBoolean(ref reader, name) };
                        break;
                    case "lstrip":
                        token = token with { StripLeft = file.ReadBoolean(ref reader, name) };
                        break;
                    case "rstrip":
                        token = token with { StripRight = file.ReadBoolean(ref reader, name) };
                        break;
                    case "normalized":
                        token = token with { Normalized = file.ReadBoolean(ref reader, name) };
                        break;
                    case "special":
                        token = token with { Special = file.ReadBoolean(ref reader, name) };
                        break;
                    default:
                        reader.Skip();
                        break;
                }
            }

            if (id is null || string.IsNullOrEmpty(content))
                throw file.Fault(at, "An added token needs an id and a content.");
            _added.Add((token with { Id = id.Value, Content = content }, at));
        }
    }

    private void ReadModel(ref Utf8JsonReader reader)
    {
        file.Require(ref reader, JsonTokenType.StartObject, "The model");
        while (TokenizerFile.NextProperty(ref reader) is { } name)
        {
            switch (name)
            {
                case "type":
                    long at = reader.TokenStartIndex;
                    string type = file.ReadString(ref reader, "The model's type");
                    if (type != "BPE")
                        throw file.Fault(at, $"The model is of type '{type}'; it must be 'BPE'.");
                    break;
                case "dropout" when reader.TokenType == JsonTokenType.Number && reader.GetDouble() != 0:
                    throw file.Fault(reader.TokenStartIndex, "The model drops merges at random (dropout); set it to null to encode the same text always alike.");
                case "continuing_subword_prefix" or "end_of_word_suffix":
                    long affixAt = reader.TokenStartIndex;
                    if (file.ReadOptionalString(ref reader, name) is { Length: > 0 } affix)
                        throw file.Fault(affixAt, $"The model has the {name} '{affix}', which a byte-level BPE tokenizer of GPT-2's kind has not.");
                    break;
                case "byte_fallback" when file.ReadBoolean(ref reader, name):
                    throw file.Fault(reader.TokenStartIndex, "The model falls back to bytes (byte_fallback), which a byte-level vocabulary does not need; it must be false.");
                case "ignore_merges":
                    _ignoreMerges = file.ReadBoolean(ref reader, name);
                    break;
                case "unk_token":
                    _unknownToken = file.ReadOptionalString(ref reader, name);
                    break;
                case "vocab":
                    _vocabularyAt = reader.TokenStartIndex;
                    _vocabulary = BytePairJson.ReadVocabulary(file, ref reader, "The vocabulary");
                    break;
                case "merges":
                    ReadMerges(ref reader);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
    }

    private void ReadMerges(ref Utf8JsonReader reader)
    {
        file.Require(ref reader, JsonTokenType.StartArray, "The list of merges");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            long at = reader.TokenStartIndex;
            if (reader.TokenType == JsonTokenType.String)
            {
                string[] parts = reader.GetString()!.Split(' ');
                if (parts.Length != 2)
                    throw file.Fault(at, "A merge that is one string must be two tokens with one blank between them.");
                _merges.Add((parts[0], parts[1], at));
                continue;
            }

            file.Require(ref reader, JsonTokenType.StartArray, "A merge");
            reader.Read();
            string left = file.ReadString(ref reader, "The left part of a merge");
            reader.Read();
            string right = file.ReadString(ref reader, "The right part of a merge");
            reader.Read();
            if (reader.TokenType != JsonTokenType.EndArray)
                throw file.Fault(at, "A merge has two parts; here are more.");
            _merges.Add((left, right, at));
        }
    }

    private void CheckAddedTokens()
    {
        Dictionary<int, string> owners = _vocabulary!.ToDictionary(entry => entry.Value, entry => entry.Key);
        var contents = new HashSet<string>(StringComparer.Ordinal);
        foreach ((AddedToken token, long at) in _added)
        {
            if (!contents.Add(token.Content))
                throw file.Fault(at, $"The added token '{token.Content}' is there twice.");
            if (_vocabulary!.TryGetValue(token.Content, out int id) && id != token.Id)
                throw file.Fault(at, $"The added token '{token.Content}' has the id {token.Id}, but in the vocabulary it has {id}.");
            if (!owners.TryAdd(token.Id, token.Content) && owners[token.Id] != token.Content)
                throw file.Fault(at, $"The id {token.Id} belongs to two tokens, '{owners[token.Id]}' and '{token.Content}'; ids must be different.");
        }
    }

    private delegate void PropertyAction(ref Utf8JsonReader reader, string name);
}
