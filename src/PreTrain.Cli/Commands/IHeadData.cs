using System.CommandLine;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary>Labelled examples of a task.</summary>
internal interface IHeadData
{
    /// <summary>The head of the task, which a model has for these examples.</summary>
    ModelHead Head { get; }

    /// <summary>What the head must tell.</summary>
    HeadOptions HeadOptions { get; }

    /// <summary>How many examples there are, and of what.</summary>
    string Summary { get; }

    /// <summary>What a model learns from them.</summary>
    ILabelledObjective Objective(ParseResult parsed, TextTokenizer tokenizer, int? context, double validationFraction);

    /// <summary>Measures a model, which is not disposed.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="context">The longest row; null for the model's.</param>
    /// <param name="heldOut">The share that was held out, whose examples alone are measured; 0 for all.</param>
    /// <param name="batch">Rows that are computed together.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <returns>Measures by name; null where nothing is held out.</returns>
    IReadOnlyDictionary<string, double>? Measure(ParseResult parsed, ITransformerModel model, TextTokenizer tokenizer, int? context, double heldOut, int batch, CancellationToken cancellation);
}
