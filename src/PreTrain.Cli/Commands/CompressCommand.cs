using System.CommandLine;
using Microsoft.Extensions.Logging;
using PreTrain.Cli.Display;
using PreTrain.Cli.Hosting;
using PreTrain.Compression;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Tokenization;
using Spectre.Console;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain compress</c>: prunes, distils and quantizes a model as a recipe says.</summary>
internal sealed class CompressCommand
{
    private const int NarrowestTable = 132;

    private readonly Option<string?> _model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
    private readonly Option<string?> _recipe = Options.Text("--recipe", "FILE", "A JSON file with a list of stages: prune, distill and quantize, each with the options of the command of that name.", required: true);
    private readonly Option<string[]> _data = CorpusOption.Create(required: false);
    private readonly Option<string?> _output = Options.Text("--output", "DIR", "The folder for a model behind each stage and report.html. What is finished in it is not done again.", required: true);
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Delete the stages of another recipe in --output, from the first that differs on; of another model or text, all." };
    private readonly Option<int?> _rounds = Options.Positive("--rounds", $"How often a batch is timed. The default is {new CompressionOptions { Output = "" }.TimingRounds}.");

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new CompressCommand();
        options._data.Description += $" The default is {CorpusOption.SdkDocs}.";
        var command = new Command("compress", "Makes a model smaller stage by stage, as a recipe says, and compares what is behind each: quality, size and speed.")
        {
            options._model, options._recipe, options._data, options._output, options._overwrite, options._rounds,
        };
        add(root, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        CompressionRecipe recipe = CompressionRecipe.Load(parsed.GetRequiredValue(_recipe)!);
        string folder = parsed.GetRequiredValue(_model)!;
        ModelFolder.RequireWhole(folder);
        folder = ModelFolder.Resolve(folder);
        var options = new CompressionOptions
        {
            Output = Path.GetFullPath(parsed.GetRequiredValue(_output)!),
            Overwrite = parsed.GetValue(_overwrite),
            Seed = session.Seed,
            TimingRounds = parsed.GetValue(_rounds) ?? new CompressionOptions { Output = "" }.TimingRounds,
            Logger = new SessionLogger(session.Quiet ? LogLevel.Warning : LogLevel.Information, session.Verbose, session.Error.WriteLine),
        };
        if (session.Start().type != TorchSharp.DeviceType.CPU) session.Log("The stages are computed on the processor.");
        TextTokenizer tokenizer;
        using (ITransformerModel model = ModelFolder.LoadModel(session, folder, TorchSharp.torch.CPU)) tokenizer = ModelFolder.LoadTokenizer(folder, model);
        Compressor.Check(folder, recipe, options, tokenizer);
        string[] data = parsed.GetValue(_data) is { Length: > 0 } given ? given : [CorpusOption.SdkDocs];
        TextCorpus corpus = CorpusOption.Open(data);
        CompressionResult result;
        try
        {
            using RunTokens tokens = RunTokens.Exist(options.Output) && !options.Overwrite ? RunTokens.Open(session, options.Output, corpus, tokenizer, null)
                : RunTokens.Build(session, options.Output, corpus, tokenizer, tokenizer.VocabSize, (_, _, _, _) => tokenizer, store => Compressor.Check(folder, recipe, store, tokenizer, options));
            result = Compressor.Run(folder, recipe, tokens.Store, tokenizer, options, session.Cancellation);
        }
        catch (OperationCanceledException) when (session.Cancellation.IsCancellationRequested)
        {
            throw new InterruptedException("Interrupted. The same command goes on behind the last stage that is finished.");
        }
        if (result.Interrupted) throw new InterruptedException($"Interrupted behind {result.Steps[^1].Name}. The same command goes on there, and within a training at its last checkpoint.");
        Report(session, result);
    }

    private static void Report(Session session, CompressionResult result) => session.Result(json =>
    {
        foreach (var (name, value) in result.ToJson())
        {
            json.WritePropertyName(name);
            value!.WriteTo(json);
        }
    }, text =>
    {
        var table = new Table().Border(TableBorder.Rounded);
        table.Title = new TableTitle($"measured by {Markup.Escape(result.Objective)}");
        foreach (string column in CompressionTable.Columns) table.AddColumn(new TableColumn(column) { Alignment = column == CompressionTable.Columns[0] ? Justify.Left : Justify.Right, NoWrap = true });
        foreach (CompressionStep step in result.Steps) table.AddRow([.. CompressionTable.Row(step).Select(Markup.Escape)]);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(text) });
        console.Profile.Width = Math.Max(console.Profile.Width, NarrowestTable);
        console.Write(table);
        text.WriteLine(result.Report);
    });
}
