// B texts, T tokens
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary>A few texts that a model reads so that it can be seen at work, and what it loses on them.</summary>
internal sealed class CalibrationText
{
    /// <summary>The longest text, in tokens.</summary>
    private const int MaxLength = 512;

    private const int BatchSize = 8;
    private const double MaskedPart = 0.15;
    private readonly ITransformerModel _model;
    private readonly TextTokenizer _tokenizer;
    private readonly string _folder;
    private readonly long _seed;
    private readonly bool _scans;

    /// <summary>Reads the first texts of a corpus, long ones in pieces. Its tensors belong to the current dispose scope.</summary>
    /// <param name="session">The call of the tool.</param>
    /// <param name="folder">What <c>--model</c> says.</param>
    /// <param name="model">The model.</param>
    /// <param name="corpus">The texts.</param>
    /// <param name="texts">How many texts or pieces.</param>
    /// <param name="scans">Whether <c>--scan</c> wants them, for messages.</param>
    /// <exception cref="UsageException">The model is not of a kind that reads texts alone.</exception>
    public CalibrationText(Session session, string folder, ITransformerModel model, TextCorpus corpus, int texts, bool scans = false)
    {
        if (model is ISequenceToSequenceModel || ModelFolder.Sizes(model) is not { } sizes)
            throw new UsageException($"--model ({folder}) holds a {model.ModelType} model, which does not read texts alone{(scans ? ", as --scan lets it" : "; leave --data out, and take magnitude for --method and --importance")}.");
        (_model, _folder, _seed, _scans, _tokenizer) = (model, folder, session.Seed, scans, ModelFolder.LoadTokenizer(folder, model));
        var options = new EncodingOptions { Truncation = new TruncationOptions { MaxLength = Math.Min(MaxLength, sizes.Context) }, Padding = PaddingOptions.None };
        int[][] tokens = [.. corpus.SelectMany(Windows).Select(window => window.Ids.ToArray()).Where(ids => ids.Length > 1).Take(texts)];
        if (tokens.Length == 0) throw new CorpusException("--data holds no text of two or more tokens.");
        session.Detail($"{tokens.Length} texts with {tokens.Sum(ids => ids.Length)} tokens for the calibration");
        Inputs = [.. tokens.Chunk(BatchSize).Select(rows => Join(rows, model.Device))];

        IEnumerable<TokenEncoding> Windows(string text)
        {
            TokenEncoding first = TokenizerCommand.Using(folder, () => _tokenizer.Tokenize(text, options: options));
            return [first, .. first.Overflow];
        }
    }

    /// <summary>The batches.</summary>
    public IReadOnlyList<ModelInput> Inputs { get; }

    /// <summary>The loss of a batch: that of the next tokens, or of some that are hidden.</summary>
    /// <exception cref="UsageException">The model predicts no tokens.</exception>
    public Tensor Loss(ModelInput input) => Measure(input).Loss;

    /// <summary>The mean loss of a token over all batches.</summary>
    /// <exception cref="UsageException">The model predicts no tokens.</exception>
    public double MeanLoss()
    {
        double sum = 0, tokens = 0;
        foreach (ModelInput input in Inputs)
        {
            using DisposeScope batch = NewDisposeScope();
            var (loss, predicted) = Measure(input);
            (sum, tokens) = (sum + loss.item<float>() * predicted, tokens + predicted);
        }
        return sum / tokens;
    }

    /// <summary>The mean loss of a batch, and of how many tokens it is.</summary>
    private (Tensor Loss, double Tokens) Measure(ModelInput input)
    {
        Tensor ids = input.Ids!, present = input.AttentionMask!.ne(0);
        if (_model is ICausalLanguageModel causal && _model.Head == ModelHead.CausalLanguageModel)
        {
            Tensor next = full_like(ids, CrossEntropy.Ignored), shifted = ids.slice(1, 1, ids.size(1), 1);
            next.slice(1, 0, ids.size(1) - 1, 1).copy_(shifted.masked_fill(present.slice(1, 1, ids.size(1), 1).logical_not(), CrossEntropy.Ignored));
            double predicted = Valid(next);
            return (causal.Loss(input, next, predicted), predicted);
        }
        if (_model is IMaskedLanguageModel masked && _model.Head is ModelHead.MaskedLanguageModel or ModelHead.PreTraining)
        {
            int mask = _tokenizer.SpecialTokens.Mask ?? throw new CheckpointException(ModelFolder.Resolve(_folder), "the tokenizer has no mask token.");
            using Generator generator = new RandomStreams(_seed).CreateGenerator("mask");
            Tensor hidden = rand(ids.shape, generator: generator).to(ids.device).lt(MaskedPart).logical_and(present);
            hidden.narrow(0, 0, 1).narrow(1, 1, 1).fill_(true);   // so that there is one
            Tensor targets = ids.masked_fill(hidden.logical_not(), CrossEntropy.Ignored);
            double predicted = Valid(targets);
            return (masked.Loss(input with { Ids = ids.masked_fill(hidden, mask) }, targets, predicted), predicted);
        }
        throw new UsageException($"{(_scans ? "--scan" : "--importance (taylor)")} needs the loss of a model that predicts tokens, and --model ({_folder}) holds a {_model.ModelType} with the head {_model.Head}{(_scans ? "" : "; take magnitude or activation")}.");

        static double Valid(Tensor targets) => targets.ne(CrossEntropy.Ignored).sum().item<long>();
    }

    private static ModelInput Join(int[][] rows, Device device)
    {
        int width = rows.Max(ids => ids.Length);
        long[] ids = new long[rows.Length * width], mask = new long[ids.Length];
        for (int row = 0; row < rows.Length; row++)
        {
            for (int t = 0; t < rows[row].Length; t++) (ids[row * width + t], mask[row * width + t]) = (rows[row][t], 1);
        }
        return new ModelInput { Ids = tensor(ids, [rows.Length, width], device: device), AttentionMask = tensor(mask, [rows.Length, width], device: device) };   // (B, T)
    }
}
