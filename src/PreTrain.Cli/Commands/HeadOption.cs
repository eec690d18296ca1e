using System.CommandLine;
using PreTrain.Cli.Hosting;
using PreTrain.Models;

namespace PreTrain.Cli.Commands;

/// <summary><c>--head</c>: what a model computes.</summary>
internal static class HeadOption
{
    public static Option<ModelHead?> Create() => Options.Choice("--head", "What to compute. The default is what the folder was saved with.",
        ("masked-lm", ModelHead.MaskedLanguageModel), ("next-sentence", ModelHead.NextSentence), ("classify", ModelHead.SequenceClassification), ("tokens", ModelHead.TokenClassification),
        ("qa", ModelHead.QuestionAnswering), ("replaced-tokens", ModelHead.ReplacedTokenDetection), ("causal-lm", ModelHead.CausalLanguageModel), ("seq2seq", ModelHead.SequenceToSequence),
        ("image-classify", ModelHead.ImageClassification), ("none", ModelHead.None));
}
