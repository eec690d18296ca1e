using PreTrain.Tokenization.Json;

namespace PreTrain.Tokenization.Vocabularies;

/// <summary>What a SentencePiece <c>.model</c> holds that matters for encoding and decoding (Kudo and Richardson 2018).</summary>
internal sealed record SentencePieceFile
{
    /// <summary>How it cuts.</summary>
    public SentencePieceAlgorithm Algorithm { get; private init; } = SentencePieceAlgorithm.Unigram;

    /// <summary>The pieces in the order of their ids.</summary>
    public required IReadOnlyList<SentencePiece> Pieces { get; init; }

    /// <summary>Whether unknown characters become the pieces of their bytes.</summary>
    public bool ByteFallback { get; private init; }

    /// <summary>The id of what is unknown.</summary>
    public int UnknownId { get; private init; }

    /// <summary>The id that begins a text; <see langword="null"/> if there is none.</summary>
    public int? BeginId { get; private init; }

    /// <summary>The id that ends a text; <see langword="null"/> if there is none.</summary>
    public int? EndId { get; private init; }

    /// <summary>The id that fills up a batch; <see langword="null"/> if there is none.</summary>
    public int? PadId { get; private init; }

    /// <summary>Whether the sign of a blank ends a word instead of beginning it.</summary>
    public bool BlankIsSuffix { get; private init; }

    /// <summary>The name of the normalization, such as <c>nmt_nfkc</c>.</summary>
    public string NormalizerName { get; private init; } = "";

    /// <summary>The compiled table of the normalization; empty for none.</summary>
    public ReadOnlyMemory<byte> CharacterMap { get; private init; }

    /// <summary>Whether a blank is put before each text.</summary>
    public bool AddDummyPrefix { get; private init; } = true;

    /// <summary>Whether blanks at both ends go, and those in a row become one.</summary>
    public bool RemoveExtraBlanks { get; private init; } = true;

    /// <summary>Whether blanks become the sign U+2581.</summary>
    public bool EscapeBlanks { get; private init; } = true;

    /// <summary>Reads a file.</summary>
    /// <exception cref="TokenizerException">The file cannot be read, or is broken.</exception>
    public static SentencePieceFile Read(string path)
    {
        byte[] data = TokenizerFile.ReadAll(path);
        var pieces = new List<SentencePiece>();
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        var result = new SentencePieceFile { Pieces = pieces };
        var model = new WireReader(path, data, 0, data.Length);
        while (model.Next())
        {
            switch (model.Field)
            {
                case 1:
                    SentencePiece piece = ReadPiece(ref model);
                    if (piece.Text.Length == 0)
                        throw model.Fault($"piece {pieces.Count} is empty; each must have text.");
                    if (!ids.TryAdd(piece.Text, pieces.Count))
                        throw model.Fault($"piece {pieces.Count}, '{piece.Text}', is piece {ids[piece.Text]} already; each must be there once.");
                    pieces.Add(piece);
                    break;
                case 2:
                    result = ReadTrainer(ref model, result);
                    break;
                case 3:
                    result = ReadNormalizer(ref model, result);
                    break;
                default:
                    model.Skip();
                    break;
            }
        }

        return Check(path, result, ids);
    }

    /// <summary>The same with other pieces, and without byte fallback, as the classes of transformers read it that arrange the pieces anew.</summary>
    public SentencePieceFile With(IReadOnlyList<SentencePiece> pieces, int unknownId) =>
        this with { Pieces = pieces, UnknownId = unknownId, BeginId = null, EndId = null, PadId = null, ByteFallback = false };

    /// <summary>The model of the pieces.</summary>
    public ITokenModel ToModel()
    {
        if (Algorithm == SentencePieceAlgorithm.Unigram)
            return new UnigramModel([.. Pieces.Select(p => (p.Text, (double)p.Score))], UnknownId, ByteFallback);
        Dictionary<string, int> ids = Pieces.Select((piece, id) => (piece.Text, id)).ToDictionary(p => p.Text, p => p.id, StringComparer.Ordinal);
        var vocabulary = new TokenVocabulary(ids);
        if (Algorithm == SentencePieceAlgorithm.Word)
            return new WordLevelModel(vocabulary, Pieces[UnknownId].Text);
        // The piece of the highest score is merged first, however it is cut in two; see TiktokenFile. Single characters need no merges.
        string[] ordinary = [.. Pieces.Where(p => p.Kind is SentencePieceKind.Normal or SentencePieceKind.UserDefined or SentencePieceKind.Unused).OrderByDescending(p => p.Score).Select(p => p.Text)];
        Dictionary<string, int> parts = ordinary.ToDictionary(text => text, text => ids[text], StringComparer.Ordinal);
        List<Merge> merges = Algorithm == SentencePieceAlgorithm.Character ? [] : TiktokenFile.Merges(parts, ordinary.Select((text, rank) => KeyValuePair.Create(text, rank)));
        return new BpeModel(vocabulary, merges, new BpeSettings { UnknownToken = Pieces[UnknownId].Text, FuseUnknown = true, ByteFallback = ByteFallback });
    }

    private static SentencePiece ReadPiece(ref WireReader model)
    {
        var piece = new SentencePiece("", 0, SentencePieceKind.Normal);
        WireReader fields = model.ReadMessage();
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 1:
                    piece = piece with { Text = fields.ReadString() };
                    break;
                case 2:
                    piece = piece with { Score = fields.ReadSingle() };
                    if (!float.IsFinite(piece.Score))
                        throw fields.Fault($"the score of piece '{piece.Text}' is {piece.Score}; it must be a number.");
                    break;
                case 3:
                    piece = piece with { Kind = (SentencePieceKind)fields.ReadNumber() };
                    if (!Enum.IsDefined(piece.Kind))
                        throw fields.Fault($"the type of piece '{piece.Text}' is {(int)piece.Kind}; it must be from 1 to 6.");
                    break;
                default:
                    fields.Skip();
                    break;
            }
        }

        return piece;
    }

    private static SentencePieceFile ReadTrainer(ref WireReader model, SentencePieceFile result)
    {
        (result, int begin, int end, int pad) = (result with { UnknownId = 0 }, 1, 2, -1);
        WireReader fields = model.ReadMessage();
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 3:
                    result = result with { Algorithm = (SentencePieceAlgorithm)fields.ReadNumber() };
                    if (!Enum.IsDefined(result.Algorithm))
                        throw fields.Fault($"the model's type is {(int)result.Algorithm}; it must be from 1 to 4.");
                    break;
                case 24:
                    result = result with { BlankIsSuffix = fields.ReadBoolean() };
                    break;
                case 35:
                    result = result with { ByteFallback = fields.ReadBoolean() };
                    break;
                case 40:
                    result = result with { UnknownId = (int)fields.ReadNumber() };
                    break;
                case 41:
                    begin = (int)fields.ReadNumber();
                    break;
                case 42:
                    end = (int)fields.ReadNumber();
                    break;
                case 43:
                    pad = (int)fields.ReadNumber();
                    break;
                default:
                    fields.Skip();
                    break;
            }
        }

        return result with { BeginId = begin < 0 ? null : begin, EndId = end < 0 ? null : end, PadId = pad < 0 ? null : pad };
    }

    private static SentencePieceFile ReadNormalizer(ref WireReader model, SentencePieceFile result)
    {
        WireReader fields = model.ReadMessage();
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 1:
                    result = result with { NormalizerName = fields.ReadString() };
                    break;
                case 2:
                    result = result with { CharacterMap = fields.ReadBytes().ToArray() };
                    break;
                case 3:
                    result = result with { AddDummyPrefix = fields.ReadBoolean() };
                    break;
                case 4:
                    result = result with { RemoveExtraBlanks = fields.ReadBoolean() };
                    break;
                case 5:
                    result = result with { EscapeBlanks = fields.ReadBoolean() };
                    break;
                default:
                    fields.Skip();
                    break;
            }
        }

        return result;
    }

    private static SentencePieceFile Check(string path, SentencePieceFile file, Dictionary<string, int> ids)
    {
        if (file.Pieces.Count == 0)
            throw new TokenizerException(path, "The file holds no pieces; this is no SentencePiece model, or it is broken.");
        // The piece itself says that it is the unknown one; the number is what the training was told.
        int[] unknown = [.. Enumerable.Range(0, file.Pieces.Count).Where(id => file.Pieces[id].Kind == SentencePieceKind.Unknown)];
        if (unknown.Length != 1)
            throw new TokenizerException(path, $"{unknown.Length} pieces are of the unknown kind; there must be one.");
        file = file with { UnknownId = unknown[0], BeginId = Known(file.BeginId), EndId = Known(file.EndId), PadId = Known(file.PadId) };
        for (int b = 0; b < 256 && file.ByteFallback; b++)
        {
            if (!ids.ContainsKey(BpeModel.FallbackToken((byte)b)))
                throw new TokenizerException(path, $"The piece '{BpeModel.FallbackToken((byte)b)}' is missing; with byte fallback all 256 must be there.");
        }

        return file;

        int? Known(int? id) => id < file.Pieces.Count ? id : null;
    }
}
