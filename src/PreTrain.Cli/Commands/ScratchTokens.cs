using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary>The tokens of a text, which may be larger than memory, in a folder that is gone afterwards.</summary>
internal sealed class ScratchTokens : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pretrain-tokens-").FullName;

    public ScratchTokens(Session session, TextCorpus corpus, TextTokenizer tokenizer)
    {
        try
        {
            Store = TokenStore.Build(corpus, tokenizer, Path.Combine(_folder, "tokens"), cancellationToken: session.Cancellation);
        }
        catch
        {
            Directory.Delete(_folder, recursive: true);
            throw;
        }
    }

    /// <summary>The tokens.</summary>
    public TokenStore Store { get; }

    public void Dispose()
    {
        Store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
