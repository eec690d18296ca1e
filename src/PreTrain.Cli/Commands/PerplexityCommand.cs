using System.CommandLine;
using System.Globalization;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain evaluate perplexity</c>: how well a model predicts a text.</summary>
internal static class PerplexityCommand
{
    private const int DefaultBatch = 8, MostTokens = 1 << 15;

    public static void AddTo(Command evaluate, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        Option<string?> model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
        Option<string[]> data = CorpusOption.Create(required: true);
        Option<int?> batch = Options.Positive("--batch", $"Windows that are computed together. The default is {DefaultBatch}, or of long contexts as many as have {MostTokens} tokens.");
        var command = new Command("perplexity", "The mean loss per token, in nats, and its exponential: every token but the first is predicted once, in windows of the model's context.")
        {
            model, data, batch,
        };
        add(evaluate, command, (parsed, session) =>
            Run(session, parsed.GetRequiredValue(model)!, CorpusOption.Open(parsed.GetRequiredValue(data)), parsed.GetValue(batch)));
    }

    private static void Run(Session session, string folder, TextCorpus corpus, int? batch)
    {
        Device device = session.Start();
        using ITransformerModel loaded = ModelFolder.LoadCausal(session, folder, device);
        var model = (ICausalLanguageModel)loaded;
        TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, loaded);

        using var tokens = new ScratchTokens(session, corpus, tokenizer);
        var windows = new EvaluationWindows(tokens.Store.All, model.ContextLength);
        session.Detail($"{tokens.Store.Count} tokens in {tokens.Store.DocumentCount} documents, {windows.Count} windows of {windows.ContextLength}");
        double loss = MeanLoss(model, device, windows, batch ?? Math.Clamp(MostTokens / windows.ContextLength, 1, DefaultBatch), session.Cancellation);
        if (!double.IsFinite(loss))
            throw new NotFiniteException($"The loss is {loss.ToString(CultureInfo.InvariantCulture)}, which is not a finite number: the weights in '{folder}' hold values that are not finite or too large.");
        Report(session, loss, windows.TargetCount);
    }

    internal static double MeanLoss(ICausalLanguageModel model, Device device, EvaluationWindows windows, int batch, CancellationToken cancellation)
    {
        using IDisposable mode = no_grad();
        double sum = 0;
        for (long first = 0; first < windows.Count; first += batch)
        {
            cancellation.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            var (read, valid) = windows.Read(first, batch);
            long[] shape = [read.BatchSize, read.ContextLength];
            sum += model.Loss(tensor(read.Inputs, shape).to(device), tensor(read.Targets, shape).to(device), valid).item<float>() * (double)valid;
        }
        return sum / windows.TargetCount;
    }

    private static void Report(Session session, double loss, long tokens) => session.Result(json =>
    {
        json.WriteFinite("loss", loss);
        json.WriteFinite("perplexity", Math.Exp(loss));
        json.WriteNumber("tokens", tokens);
    }, text =>
    {
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"loss        {loss:F4}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"perplexity  {Math.Exp(loss):F2}"));
        text.WriteLine($"tokens      {tokens}");
    });
}
