// Trains three tokenizers on the reference documentation of the .NET SDK, or on text files of your own, and compares them. README.md says more.
using System.Diagnostics;
using System.Globalization;
using PreTrain.Data;
using PreTrain.Tokenization;

const string Output = "runs/train-tokenizer";
const string Example = "Returns the number of elements in the sequence.";
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
int size = 8192, documents = 4000;
var files = new List<string>();
for (int i = 0; i < args.Length; i++)
{
    if (args[i] is not ("--vocab-size" or "--documents" or "--steps"))
        files.Add(args[i]);
    else if (++i == args.Length || !int.TryParse(args[i], out int number) || number < 1)
        return Fail($"{args[i - 1]} takes a positive whole number, as in --vocab-size 8192.", 2);
    else if (args[i - 1] == "--vocab-size")
        size = number;
    else
        (documents, size) = args[i - 1] == "--documents" ? (number, size) : (number * 10, 1000);   // --steps: a short run
}

try
{
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, signal) => { signal.Cancel = true; stop.Cancel(); };

    // 1. Some of the text, so that it takes seconds; training from all of it is the same call.
    TextCorpus corpus = files.Count == 0 ? new SdkDocumentation() : TextCorpus.FromFiles([.. files]);
    string[] texts = [.. corpus.Take(documents)];
    Console.WriteLine($"{texts.Length:N0} documents, {texts.Sum(text => (long)text.Length):N0} characters.");

    // 2. Three algorithms.
    Show("byte-bpe", () => ByteLevelBpeTokenizer.Train(texts, new() { VocabSize = size }, cancellation: stop.Token));
    Show("wordpiece", () => PipelineTokenizer.TrainWordPiece(texts, new() { VocabSize = size }, cancellation: stop.Token));
    Show("unigram", () => PipelineTokenizer.TrainUnigram(texts, new() { VocabSize = size }, cancellation: stop.Token));

    // 3. What was written is what is read.
    TextTokenizer tokenizer = TextTokenizer.Load($"{Output}/wordpiece");
    using TokenBatch batch = tokenizer.TokenizeBatch([Example, "Gets or sets a value."]);
    Console.WriteLine($"A batch of {batch.RowCount} texts is {batch.Length} tokens wide.");
    Console.WriteLine($"The tokenizers are in {Output}; transformers loads each with AutoTokenizer.from_pretrained.");
    return 0;

    void Show(string name, Func<TextTokenizer> train)
    {
        var watch = Stopwatch.StartNew();
        TextTokenizer trained = train();
        trained.Save($"{Output}/{name}");
        double seconds = watch.Elapsed.TotalSeconds;
        int tokens = texts.Sum(text => trained.CountTokens(text));
        Console.WriteLine($"{name,-10} {trained.VocabSize,6:N0} tokens in {seconds,5:F1} s, {(double)texts.Sum(text => (long)text.Length) / tokens:F2} characters a token");
        Console.WriteLine($"           {string.Join(' ', trained.Tokenize(Example).Tokens.ToArray())}");
    }
}
catch (Exception e) when (e is CorpusException or ArgumentException or OperationCanceledException)
{
    return e is OperationCanceledException ? Fail("Interrupted.", 130) : Fail(e.Message, 3);
}

static int Fail(string message, int exitCode)
{
    Console.Error.WriteLine(message);
    return exitCode;
}
