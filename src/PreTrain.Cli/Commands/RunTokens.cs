using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Tokenization;
using PreTrain.Training;

namespace PreTrain.Cli.Commands;

/// <summary>
/// The folder <c>tokens</c> of a run: a token store, the tokenizer that made it, and <c>corpus.json</c>, which says what text it was. The folder
/// appears whole or not at all.
/// </summary>
internal sealed class RunTokens : IDisposable
{
    public const string FolderName = "tokens";
    private const string DescriptionFile = "corpus.json";

    private RunTokens(TextTokenizer tokenizer, params TokenStore[] stores) => (Tokenizer, Stores) = (tokenizer, stores);

    public TextTokenizer Tokenizer { get; }

    public IReadOnlyList<TokenStore> Stores { get; }

    /// <summary>The store, or the first of several.</summary>
    public TokenStore Store => Stores[0];

    /// <summary>What a training must call, so that the tokens of a run that it overwrites come back unless it begins.</summary>
    public IReadOnlyList<ITrainingCallback> Callbacks => Former is null ? [] : [Former];

    private FormerFolders? Former { get; init; }

    public void Dispose()
    {
        foreach (TokenStore store in Stores) store.Dispose();
        Former?.Dispose();
    }

    /// <summary>Opens token stores that exist, compares them with their checksums, and reads the tokenizer beside the first.</summary>
    public static RunTokens OfStores(Session session, string[] folders)
    {
        var stores = new List<TokenStore>();
        try
        {
            // What is no token store says so before its tokenizer is missed.
            foreach (string folder in folders) stores.Add(TokenStore.Open(folder));
            TextTokenizer tokenizer = TextTokenizer.Load(folders[0]);
            session.Detail("Comparing the token stores with their checksums.");
            foreach (TokenStore store in stores)
            {
                if (store.TokenizerFingerprint != tokenizer.Fingerprint)
                    throw new CorpusException($"The token store '{store.Folder}' was made by another tokenizer than the one in '{folders[0]}'. Prepare all with one tokenizer.", store.Folder);
                store.Verify(session.Cancellation);
            }
            return new RunTokens(tokenizer, [.. stores]);
        }
        catch
        {
            foreach (TokenStore store in stores) store.Dispose();
            throw;
        }
    }

    /// <summary>Whether a run's folder holds tokens.</summary>
    public static bool Exist(string output) => File.Exists(Path.Combine(output, FolderName, DescriptionFile));

    /// <summary>Trains a tokenizer on the corpus, or takes the given one, and tokenizes the corpus with it.</summary>
    /// <param name="session">The call of the tool.</param>
    /// <param name="output">The run's folder.</param>
    /// <param name="corpus">The text.</param>
    /// <param name="tokenizer">The tokenizer, or null to train one.</param>
    /// <param name="vocabSize">The vocabulary of the tokenizer that is trained.</param>
    /// <param name="train">Trains a tokenizer: from the corpus, the vocabulary's size and the number of threads.</param>
    /// <param name="check">Throws if the store does not suit the run; then nothing is kept.</param>
    /// <param name="training">The run, whose <see cref="Callbacks"/> are called; null where there is none that could fail to begin.</param>
    public static RunTokens Build(Session session, string output, TextCorpus corpus, TextTokenizer? tokenizer, int vocabSize,
        Func<TextCorpus, int, int, CancellationToken, TextTokenizer> train, Action<TokenStore> check, TrainingOptions? training = null)
    {
        FormerFolders? former = training is { Overwrite: true } ? new(training, FolderName) : null;
        bool isNew = !Directory.Exists(output);
        Directory.CreateDirectory(output);
        string folder = Path.Combine(output, FolderName);
        try
        {
            JsonObject description = new() { ["vocabSize"] = tokenizer is null ? vocabSize : null };
            if (tokenizer is null)
            {
                session.Log($"Training a tokenizer of {vocabSize} tokens.");
                tokenizer = train(corpus, vocabSize, session.Threads, session.Cancellation);
                if (tokenizer.VocabSize < vocabSize)
                    session.Log($"The corpus has pairs for {tokenizer.VocabSize} tokens only.");
            }
            AtomicFolder.Write(folder, beside =>
            {
                session.Log("Tokenizing the corpus.");
                using var hashed = new HashedCorpus(corpus);
                using (TokenStore store = TokenStore.Build(hashed, tokenizer, beside, new() { Threads = session.Threads }, session.Cancellation))
                {
                    check(store);
                    session.Log($"{store.Count} tokens in {store.DocumentCount} {(store.DocumentCount == 1 ? "document" : "documents")}.");
                }
                tokenizer.Save(beside);
                description["tokenizer"] = tokenizer.Fingerprint;
                description["sha256"] = hashed.Finish();
                File.WriteAllText(Path.Combine(beside, DescriptionFile), description.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
                former?.PutAside();
            });
            return new RunTokens(tokenizer, TokenStore.Open(folder, tokenizer)) { Former = former };
        }
        catch
        {
            former?.Dispose();
            if (isNew && !Directory.EnumerateFileSystemEntries(output).Any()) Directory.Delete(output);
            throw;
        }
    }

    /// <summary>Opens the tokens of a run that is resumed, and checks that they are those of the given text and tokenizer.</summary>
    public static RunTokens Open(Session session, string output, TextCorpus corpus, TextTokenizer? tokenizer, int? vocabSize)
    {
        string folder = Path.Combine(output, FolderName), file = Path.Combine(folder, DescriptionFile);
        JsonObject description;
        try
        {
            description = JsonNode.Parse(File.ReadAllText(file)) as JsonObject ?? throw new JsonException("it is not an object.");
        }
        catch (JsonException e)
        {
            throw new CorpusException($"The file '{file}' is damaged: {e.Message} Start anew with --overwrite.", file, e);
        }
        TextTokenizer own = TextTokenizer.Load(folder);
        if (tokenizer is not null && tokenizer.Fingerprint != own.Fingerprint)
            throw new UsageException($"--tokenizer names another tokenizer ({tokenizer.VocabSize} tokens) than the one that the run in '{output}' was started with ({own.VocabSize} tokens). {Remedy("--tokenizer")}");
        int? asked = (int?)description["vocabSize"];
        if (tokenizer is null && vocabSize is not null && asked is not null && vocabSize != asked)
            throw new UsageException($"--vocab-size ({vocabSize}) must be {asked} as when the run in '{output}' was started. {Remedy("--vocab-size")}");

        session.Detail("Comparing the corpus with that of the run.");
        using var hashed = new HashedCorpus(corpus);
        foreach (string _ in hashed) session.Cancellation.ThrowIfCancellationRequested();
        if (hashed.Finish() != (string?)description["sha256"])
            throw new UsageException($"--data holds other text than the corpus that the run in '{output}' was started with. {Remedy("--data")}");
        return new RunTokens(own, TokenStore.Open(folder, own));
    }

    private static string Remedy(string option) => $"Pass the same {option}, or start anew with --overwrite or another --output.";

    /// <summary>A corpus that takes the checksum of its documents while it is read.</summary>
    private sealed class HashedCorpus(TextCorpus corpus) : TextCorpus, IDisposable
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public override IEnumerator<string> GetEnumerator()
        {
            foreach (string document in corpus)
            {
                _hash.AppendData(BitConverter.GetBytes((long)document.Length));
                _hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(document.AsSpan()));
                yield return document;
            }
        }

        public string Finish() => Convert.ToHexStringLower(_hash.GetHashAndReset());

        public void Dispose() => _hash.Dispose();
    }
}
