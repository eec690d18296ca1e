using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary>The sizes of a model that options change.</summary>
internal sealed record ModelSizes(int Layers, int Heads, int Embedding, int Context, int VocabSize);

/// <summary>What is predicted.</summary>
internal sealed record PretrainGoal(string Objective, MaskingOptions Masking, double MeanSpanLength, double ValidationFraction);

/// <summary>All that a family needs for a training.</summary>
internal sealed record PretrainTask(
    ModelSizes Sizes, string Preset, double? Dropout, PretrainGoal Goal, TextTokenizer Tokenizer, TokenStore Tokens, PackedText? Text, TrainingOptions Options, torch.Device Device, torch.Generator Random, CancellationToken Cancellation);
