using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Models;

namespace PreTrain.Cli.Commands;

/// <summary>The options that say how the states of a text's tokens become one vector.</summary>
internal sealed class PoolingChoice
{
    private static readonly (string Word, SentencePooling Value)[] s_poolings = [("mean", SentencePooling.Mean), ("cls", SentencePooling.First), ("max", SentencePooling.Max), ("last", SentencePooling.Last)];

    private readonly Option<SentencePooling?> _pooling = Options.Choice("--pooling", "What becomes the vector: the mean of all tokens, the first one, the largest value of each column, or the last token. The default is what the model's folder says, else mean.", s_poolings);
    private readonly Option<int?> _length = Options.Positive("--context", "The longest text, in tokens; what lies behind is cut off. The default is what the model's folder says, else the model's context.");

    public IEnumerable<Option> All => [_pooling, _length];

    /// <summary>How a model of a folder is pooled.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="folder">What <c>--model</c> says.</param>
    /// <param name="model">The model, whose context may be shorter than the folder says: virtual tokens take a part of it.</param>
    public SentenceEncoderOptions Read(ParseResult parsed, string folder, ITransformerModel model)
    {
        SentenceEncoderOptions own = SentenceEncoderOptions.FromFolder(ModelFolder.Resolve(folder)) ?? new();
        int? longest = own.MaxLength is { } length && ModelFolder.Sizes(model) is { } sizes ? Math.Min(length, sizes.Context) : own.MaxLength;
        return own with { Pooling = parsed.GetValue(_pooling) ?? own.Pooling, MaxLength = parsed.GetValue(_length) ?? longest };
    }
}
