using System.Runtime.CompilerServices;
using System.Text.Json;

namespace PreTrain.Tokenization.Json;

/// <summary>Reads the model of a <c>tokenizer.json</c>: BPE, WordPiece, WordLevel or Unigram.</summary>
internal sealed class ModelReader(TokenizerFile file)
{
    private readonly Dictionary<string, JsonPart> _properties = new(StringComparer.Ordinal);
    private readonly List<(string Left, string Right, long At)> _unresolved = [];   // merges that came before the vocabulary
    private readonly List<Merge> _merges = [];   // with the id −1 where it is yet to be found
    private readonly List<int> _places = [];     // of the merges in the file
    private TokenVocabulary? _vocabulary;
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
        {
            _merges.Add(new Merge(VocabularyJson.IdOf(file, _vocabulary!, left, left, right, at), VocabularyJson.IdOf(file, _vocabulary!, right, left, right, at), -1));
            _places.Add((int)at);
        }

        Resolve(vocabulary, prefix?.Length ?? 0);
        bool fallsBack = Find("byte_fallback")?.Boolean() ?? false;
        double dropout = Find("dropout") is { } part ? (part.Real() is >= 0 and <= 1 and var chance ? chance : throw part.Fault("must be from 0 to 1.")) : 0;
        return new BpeModel(vocabulary, _merges, new BpeSettings
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

    /// <summary>Finds what each pair becomes. What was found by the way takes no prefix into account.</summary>
    private void Resolve(TokenVocabulary vocabulary, int prefixLength)
    {
        for (int i = 0; i < _merges.Count; i++)
        {
            (int left, int right, int id) = _merges[i];
            if (id >= 0 && prefixLength == 0)
                continue;
            ReadOnlySpan<char> rest = vocabulary.CharsOf(right);
            string whole = string.Concat(vocabulary.CharsOf(left), rest[Math.Min(prefixLength, rest.Length)..]);
            if (!vocabulary.TryFind(whole, out id))
                throw VocabularyJson.Lacks(file, vocabulary.TokenOf(left)!, vocabulary.TokenOf(right)!, whole, _places[i]);
            _merges[i] = new Merge(left, right, id);
        }
    }

    private UnigramModel BuildUnigram()
    {
        if (_pieces is null)
            throw file.Fault(VocabularyPosition, "The vocabulary of a Unigram model must be a list of tokens with their scores.");
        JsonPart? unknown = Find("unk_id");
        try
        {
            return new UnigramModel(_pieces, unknown?.Number(), Find("byte_fallback")?.Boolean() ?? false, isOfText: true);
        }
        catch (ArgumentException fault)
        {
            throw file.Fault(unknown?.Position ?? VocabularyPosition, VocabularyJson.Sentence(fault));
        }
    }

    private TokenVocabulary Vocabulary() => _vocabulary ?? throw file.Fault(Position, "The file holds no model with a vocabulary.");

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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ReadMerges(ref Utf8JsonReader reader)
    {
        file.Require(ref reader, JsonTokenType.StartArray, "The list of merges");
        _merges.EnsureCapacity(_vocabulary?.Count ?? 0);
        _places.EnsureCapacity(_vocabulary?.Count ?? 0);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(ReadOnlySpan<char> left, ReadOnlySpan<char> right, long at)
    {
        if (_vocabulary is null)
        {
            _unresolved.Add((left.ToString(), right.ToString(), at));
            return;
        }

        if (!_vocabulary.TryFind(left, out int first))
            throw VocabularyJson.Lacks(file, left.ToString(), right.ToString(), left.ToString(), at);
        if (!_vocabulary.TryFind(right, out int second))
            throw VocabularyJson.Lacks(file, left.ToString(), right.ToString(), right.ToString(), at);
        _merges.Add(new Merge(first, second, Whole(left, right)));
        _places.Add((int)at);
    }

    /// <summary>The id of two tokens' characters as one; −1 if there is none. In most files it is the next one, which saves a look-up far away in memory.</summary>
    private int Whole(ReadOnlySpan<char> left, ReadOnlySpan<char> right)
    {
        int next = _merges.Count == 0 ? -1 : _merges[^1].Id + 1, length = left.Length + right.Length;
        ReadOnlySpan<char> token = _vocabulary!.CharsOf(next);
        if (token.Length == length && length > 0 && token.StartsWith(left) && token[left.Length..].SequenceEqual(right))
            return next;
        Span<char> whole = length <= 128 ? stackalloc char[length] : new char[length];
        left.CopyTo(whole);
        right.CopyTo(whole[left.Length..]);
        return _vocabulary.TryFind(whole, out int id) ? id : -1;
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
