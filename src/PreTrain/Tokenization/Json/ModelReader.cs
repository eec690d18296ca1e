using System.Text.Json;

namespace PreTrain.Tokenization.Json;

/// <summary>Reads the model of a <c>tokenizer.json</c>: BPE, WordPiece, WordLevel or Unigram.</summary>
internal sealed class ModelReader(TokenizerFile file)
{
    private readonly Dictionary<string, JsonPart> _properties = new(StringComparer.Ordinal);
    private readonly List<(string Left, string Right, long At)> _unresolved = [];   // merges that came before the vocabulary
    private readonly List<(int Left, int Right, long At)> _merges = [];
    private Dictionary<string, int>? _vocabulary;
    private List<(string Token, double Score)>? _pieces;
    private bool _hasMerges;

    /// <summary>Where the model begins.</summary>
    public long Position { get; private set; }

    /// <summary>Where its vocabulary begins.</summary>
    public long VocabularyPosition { get; private set; }

    /// <summary>Reads the value at the reader.</summary>
    public void Read(ref Utf8JsonReader reader)
    {
        Position = reader.TokenStartIndex;
        file.Require(ref reader, JsonTokenType.StartObject, "The model");
        while (TokenizerFile.NextProperty(ref reader) is { } name)
        {
            if (name == "vocab")
            {
                VocabularyPosition = reader.TokenStartIndex;
                if (reader.TokenType == JsonTokenType.StartArray)
                    ReadPieces(ref reader);
                else
                    _vocabulary = VocabularyJson.Read(file, ref reader, "The vocabulary");
            }
            else if (name == "merges")
            {
                _hasMerges = true;
                ReadMerges(ref reader);
            }
            else if (!_properties.TryAdd(name, JsonPart.Read(file, ref reader, name)))
            {
                throw file.Fault(Position, $"The model has the property '{name}' twice.");
            }
        }
    }

    /// <summary>Makes the model.</summary>
    /// <param name="readsBytes">Whether the pieces that it gets are to be spelled as bytes, which BPE can do itself.</param>
    public ITokenModel Build(bool readsBytes)
    {
        JsonPart? named = Find("type");
        string type = named?.Text() ?? (_hasMerges ? "BPE" : _pieces is not null ? "Unigram" : _properties.ContainsKey("continuing_subword_prefix") ? "WordPiece" : "WordLevel");
        ITokenModel model = type switch
        {
            "BPE" => BuildBpe(readsBytes),
            "WordPiece" => new WordPieceModel(
                Vocabulary(), Find("unk_token")?.Text() ?? "[UNK]", Find("continuing_subword_prefix")?.Text() ?? "##", Find("max_input_chars_per_word")?.Number() ?? 100),
            "WordLevel" => new WordLevelModel(Vocabulary(), Find("unk_token")?.Text() ?? "<unk>"),
            "Unigram" => BuildUnigram(),
            _ => throw named!.Fault($"is '{type}', a model that is not known here."),
        };
        foreach ((string name, JsonPart value) in _properties)
            throw file.Fault(value.Position, $"The property '{name}' of the model '{type}' is not known here.");
        if (_hasMerges && model is not BpeModel)
            throw file.Fault(Position, $"The model '{type}' has merges, which only BPE has.");
        return model;
    }

    private BpeModel BuildBpe(bool readsBytes)
    {
        TokenVocabulary vocabulary = Vocabulary();
        string? prefix = Find("continuing_subword_prefix")?.Text();
        foreach ((string left, string right, long at) in _unresolved)
            _merges.Add((VocabularyJson.IdOf(file, _vocabulary!, left, left, right, at), VocabularyJson.IdOf(file, _vocabulary!, right, left, right, at), at));
        bool fallsBack = Find("byte_fallback")?.Boolean() ?? false;
        double dropout = Find("dropout") is { } part ? (part.Real() is >= 0 and <= 1 and var chance ? chance : throw part.Fault("must be from 0 to 1.")) : 0;
        return new BpeModel(vocabulary, Resolve(vocabulary, prefix?.Length ?? 0), new BpeSettings
        {
            UnknownToken = Find("unk_token")?.Text(),
            FuseUnknown = Find("fuse_unk")?.Boolean() ?? false,
            ByteFallback = fallsBack,
            ContinuingPrefix = prefix,
            EndOfWordSuffix = Find("end_of_word_suffix")?.Text(),
            IgnoreMerges = Find("ignore_merges")?.Boolean() ?? false,
            Dropout = dropout,
            ByteLevel = readsBytes && !fallsBack,
        });
    }

    /// <summary>The merges with what each pair becomes. Of two of one pair the later counts, so that the other is left out.</summary>
    private List<Merge> Resolve(TokenVocabulary vocabulary, int prefixLength)
    {
        var merges = new List<Merge>(_merges.Count);
        var seen = new HashSet<(int, int)>(_merges.Count);
        Span<char> small = stackalloc char[256];
        for (int i = _merges.Count - 1; i >= 0; i--)
        {
            (int left, int right, long at) = _merges[i];
            if (!seen.Add((left, right)))
                continue;
            string first = vocabulary.TokenOf(left)!, second = vocabulary.TokenOf(right)!;
            ReadOnlySpan<char> rest = second.AsSpan(Math.Min(prefixLength, second.Length));
            int length = first.Length + rest.Length;
            Span<char> whole = length <= small.Length ? small[..length] : new char[length];
            first.CopyTo(whole);
            rest.CopyTo(whole[first.Length..]);
            if (!vocabulary.TryFind(whole, out int id))
                throw VocabularyJson.Lacks(file, first, second, whole.ToString(), at);
            merges.Add(new Merge(left, right, id));
        }

        merges.Reverse();
        return merges;
    }

    private UnigramModel BuildUnigram()
    {
        if (_pieces is null)
            throw file.Fault(VocabularyPosition, "The vocabulary of a Unigram model must be a list of tokens with their scores.");
        JsonPart? unknown = Find("unk_id");
        try
        {
            return new UnigramModel(_pieces, unknown?.Number(), Find("byte_fallback")?.Boolean() ?? false);
        }
        catch (ArgumentException fault)
        {
            throw file.Fault(unknown?.Position ?? VocabularyPosition, VocabularyJson.Sentence(fault));
        }
    }

    private TokenVocabulary Vocabulary()
    {
        if (_vocabulary is null)
            throw file.Fault(Position, "The file holds no model with a vocabulary.");
        return new TokenVocabulary(_vocabulary);
    }

    private JsonPart? Find(string name) => _properties.Remove(name, out JsonPart? part) && !part.IsNull ? part : null;

    private void ReadPieces(ref Utf8JsonReader reader)
    {
        _pieces = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            file.Require(ref reader, JsonTokenType.StartArray, "A token of the vocabulary");
            reader.Read();
            string token = file.ReadString(ref reader, "The token");
            reader.Read();
            file.Require(ref reader, JsonTokenType.Number, "The score of a token");
            if (!reader.TryGetDouble(out double score) || !double.IsFinite(score))
                throw file.Fault(reader.TokenStartIndex, $"The score of the token '{token}' must be a finite number.");
            _pieces.Add((token, score));
            reader.Read();
            file.Require(ref reader, JsonTokenType.EndArray, "What follows a token's score");
            if (_pieces.Count > TokenizerFile.LargestId)
                throw file.Fault(VocabularyPosition, $"The vocabulary has more than {TokenizerFile.LargestId} tokens.");
        }
    }

    private void ReadMerges(ref Utf8JsonReader reader)
    {
        file.Require(ref reader, JsonTokenType.StartArray, "The list of merges");
        var left = new StringSpan();
        var right = new StringSpan();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            long at = reader.TokenStartIndex;
            if (reader.TokenType == JsonTokenType.String)
            {
                ReadOnlySpan<char> both = left.Take(ref reader);
                int blank = both.IndexOf(' ');
                if (blank < 0 || both[(blank + 1)..].Contains(' '))
                    throw file.Fault(at, "A merge that is one string must be two tokens with one blank between them.");
                Add(both[..blank], both[(blank + 1)..], at);
                continue;
            }

            file.Require(ref reader, JsonTokenType.StartArray, "A merge");
            reader.Read();
            file.Require(ref reader, JsonTokenType.String, "The left part of a merge");
            ReadOnlySpan<char> first = left.Take(ref reader);
            reader.Read();
            file.Require(ref reader, JsonTokenType.String, "The right part of a merge");
            ReadOnlySpan<char> second = right.Take(ref reader);
            reader.Read();
            if (reader.TokenType != JsonTokenType.EndArray)
                throw file.Fault(at, "A merge has two parts; here are more.");
            Add(first, second, at);
        }
    }

    private void Add(ReadOnlySpan<char> left, ReadOnlySpan<char> right, long at)
    {
        if (_vocabulary is null)
        {
            _unresolved.Add((left.ToString(), right.ToString(), at));
            return;
        }

        var spans = _vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!spans.TryGetValue(left, out int first))
            throw VocabularyJson.Lacks(file, left.ToString(), right.ToString(), left.ToString(), at);
        if (!spans.TryGetValue(right, out int second))
            throw VocabularyJson.Lacks(file, left.ToString(), right.ToString(), right.ToString(), at);
        _merges.Add((first, second, at));
    }

    /// <summary>Room for the characters of a string, used again for many.</summary>
    private sealed class StringSpan
    {
        private char[] _chars = new char[128];

        public ReadOnlySpan<char> Take(ref Utf8JsonReader reader)
        {
            if (_chars.Length < reader.ValueSpan.Length)
                _chars = new char[reader.ValueSpan.Length];
            return _chars.AsSpan(0, reader.CopyString(_chars));
        }
    }
}
