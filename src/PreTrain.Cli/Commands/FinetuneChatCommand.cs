using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain finetune chat</c>: tunes a model that goes on from a text on conversations.</summary>
internal sealed class FinetuneChatCommand
{
    private const int SampleTokens = 40;

    private readonly Option<string?> _model = TunedModel.CreateOption();
    private readonly Option<string[]> _data = PairChoice.CreateData("Conversations: JSON lines with {\"messages\": [{\"role\": …, \"content\": …}, …]} or {\"prompt\": …, \"completion\": …}, plain or compressed");
    private readonly RunChoice _run = new("The folder of the run: checkpoints, metrics.jsonl, and the tuned model with its template.", "Conversations", usualRate: AdapterChoice.RateText(TunedModel.LearningRateText));
    private readonly TemplateChoice _template = new("zephyr");
    private readonly Option<string?> _system = Options.Text("--system", "TEXT", "What the system says in conversations where it says nothing.");
    private readonly Option<int?> _context = Options.Positive("--context", "The longest conversation, in tokens; what lies behind is cut off. The default is the model's context.");
    private readonly Option<PackingKind?> _pack = Options.Choice("--pack", "best-fit lays as many conversations into a place of a batch as fit into --context; none lays one. The default is none.",
        ("none", PackingKind.None), ("best-fit", PackingKind.BestFit));
    private readonly Option<double?> _fraction = TunedModel.CreateFraction("conversations");
    private readonly Option<double?> _dropout = TunedModel.CreateDropout();
    private readonly AdapterChoice _adapter = new();
    private readonly ReportChoice _reports = new();

    public static void AddTo(Command finetune, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new FinetuneChatCommand();
        var command = new Command("chat", "Tunes a model such as gpt2 or llama on conversations: it learns what its own side says.")
        {
            options._model, options._data, options._run.Output, options._template.Option, options._system, options._context, options._pack, options._fraction, options._dropout,
        };
        foreach (Option option in options._adapter.All.Concat(options._run.All).Concat(options._reports.All)) command.Options.Add(option);
        add(finetune, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        string folder = parsed.GetRequiredValue(_model)!;
        _adapter.Check(parsed);
        TrainingOptions training = _run.Training(parsed, session, null, _adapter.RateOf(parsed, TunedModel.LearningRate));
        PackingKind pack = parsed.GetValue(_pack) ?? PackingKind.None;
        double fraction = parsed.GetValue(_fraction) ?? TunedModel.ValidationFraction;
        JsonObject configuration = RunConfiguration.Describe(parsed,
            [(_pack, pack == PackingKind.None ? "none" : "best-fit"), (_fraction, fraction), .. _adapter.Effective(parsed), .. _run.Effective(training), .. _reports.Effective(parsed), .. session.Effective]);
        if (_run.Prints(parsed, session, configuration)) return;
        TunedModel.CheckFolders(folder, training);
        torch.Device device = session.Start(), home = _adapter.HomeOf(parsed, device);
        RunChoice.Interruptible(session, () =>
        {
            ITransformerModel Load() => ModelFolder.LoadCausal(session, folder, home, new HeadOptions { Dropout = parsed.GetValue(_dropout) });
            using ITransformerModel model = Load();
            using IAdapter? adapter = _adapter.Adapt(parsed, session, model, device);
            TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
            ChatTemplate template = _template.Read(parsed, folder, tokenizer);
            Conversations conversations = Read(parsed.GetRequiredValue(_data), parsed.GetValue(_system));
            var objective = new ChatTuning(conversations, tokenizer, template, new() { ContextLength = parsed.GetValue(_context), Packs = pack == PackingKind.BestFit, ValidationFraction = fraction });
            session.Log($"A {model.ModelType} model, {conversations.Count} conversations, of which {objective.Validation?.Count ?? 0} are held out.");
            TunedModel.LogShortened(session, (ICausalLanguageModel)model, objective, "conversation");
            string prompt = _reports.TakesUsualSample(parsed) ? Prompt(template, [.. objective.Validation?.Examples ?? [], .. conversations.Examples]) : "";
            int length = parsed.GetValue(_context) ?? ((ICausalLanguageModel)model).ContextLength;
            using RunReports reports = _reports.Create(parsed, tokenizer, TunedModel.CostOf(model, length), configuration, (prompt, SampleTokens), template);
            _adapter.Align(parsed, session, adapter, objective, training);
            training = training with { Tokenizer = tokenizer, Weights = adapter };
            RunChoice.Train(session, training, reports, options =>
            {
                TrainingResult result = TunedModel.Train(model, options, objective, session.Cancellation);
                if (result.Steps > 0) template.Save(result.ModelFolder);   // else there is none, or that of the run before
                return result;
            }, result => _adapter.Finish(parsed, adapter, training, result, Load, (whole, parts) =>
            {
                whole.SavePretrained(parts);
                template.Save(parts);
            }));
        });
    }

    /// <summary>What comes before the first answer, of the first conversation in which something does; empty where none has it.</summary>
    private static string Prompt(ChatTemplate template, IEnumerable<Conversation> conversations)
    {
        ChatMessage[]? opening = conversations.Select(conversation => conversation.Messages.TakeWhile(message => message.Role != ChatMessage.Assistant).ToArray()).FirstOrDefault(messages => messages.Length > 0);
        return opening is null ? "" : template.Render(opening, addGenerationPrompt: true);
    }

    /// <summary>The conversations of files; of the SDK's documentation, members and what they are for.</summary>
    private static Conversations Read(string[] data, string? system) => PairChoice.IsSdk(data)
        ? Conversations.FromPairs(TextPairs.FromSdkDocumentation(new SdkDocumentation()), system)
        : Conversations.FromFiles(new() { SystemText = system }, data);
}
