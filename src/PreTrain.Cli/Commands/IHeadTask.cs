using System.CommandLine;
using PreTrain.Models;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary>What one of the tasks of fine-tuning brings to the commands that train for it and measure it.</summary>
internal interface IHeadTask
{
    /// <summary>The command's name.</summary>
    string Name { get; }

    /// <summary>What is done, as a part of a sentence.</summary>
    string Title { get; }

    /// <summary>What <c>--data</c> takes.</summary>
    string DataDescription { get; }

    /// <summary>The options that say how data is read.</summary>
    IEnumerable<Option> Reading { get; }

    /// <summary>The options that say how it is learned.</summary>
    IEnumerable<Option> Learning { get; }

    /// <summary>What the head of a model tells, which has it already.</summary>
    /// <exception cref="ArgumentException">The model has another head.</exception>
    HeadOptions OptionsOf(ITransformerModel model, TextTokenizer tokenizer);

    /// <summary>Reads <c>--data</c>, all of it.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="data">Files, or the word for the documentation of the .NET SDK.</param>
    /// <param name="labels">The names that may occur, as the command line has them; none for those that do.</param>
    /// <param name="model">What a model tells that is to be measured, whose labels alone may occur; null for any.</param>
    IHeadData Read(ParseResult parsed, string[] data, string[] labels, HeadOptions? model);
}
