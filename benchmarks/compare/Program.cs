// Side by side with PyTorch and with Hugging Face's tokenizers: run.sh says how it is called.
using System.CommandLine;
using PreTrain.Compare;

var model = new Option<string>("--model") { DefaultValueFactory = _ => "char", Description = "char, gpt2, gpt2-1024, bert, t5 or tiny; for 'run' several, separated by commas" };
var precision = new Option<string>("--precision") { DefaultValueFactory = _ => "bf16", Description = "fp32 or bf16" };
var precisions = new Option<string>("--precision") { DefaultValueFactory = _ => "bf16,fp32", Description = "bf16, fp32 or both, separated by a comma" };
var device = new Option<string>("--device") { DefaultValueFactory = _ => "cpu", Description = "cpu or cuda" };
var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 5, Description = "Timed steps of one process" };
var warmup = new Option<int>("--warmup") { DefaultValueFactory = _ => 2, Description = "Steps before them" };
var threads = new Option<int>("--threads") { DefaultValueFactory = _ => Environment.ProcessorCount, Description = "Threads of both sides" };
var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 3, Description = "How often each contender's process runs, in turn with the others" };
var python = new Option<string>("--python") { DefaultValueFactory = _ => Environment.GetEnvironmentVariable("PYTHON") ?? "python3", Description = "A Python with torch, as a command" };
var compile = new Option<bool>("--compile") { Description = "Also torch.compile" };

var step = new Command("step", "Times training steps here and prints one JSON object") { model, precision, device, steps, warmup, threads };
step.SetAction(p => TrainingSteps.Time(p.GetValue(model)!, p.GetValue(precision)!, p.GetValue(device)!, p.GetValue(steps), p.GetValue(warmup), p.GetValue(threads)));

var run = new Command("run", "Runs all contenders in turn and prints a table") { model, precisions, device, steps, warmup, threads, rounds, python, compile };
run.SetAction(p => Contest.Run(new ContestOptions(p.GetValue(model)!.Split(','), p.GetValue(precisions)!.Split(','), p.GetValue(device)!, p.GetValue(steps), p.GetValue(warmup),
    p.GetValue(threads), p.GetValue(rounds), p.GetValue(python)!, p.GetValue(compile))));

var memory = new Command("memory", "Trains and prints resident memory and live tensors along the way") { model, precision, device, steps, threads };
memory.SetAction(p => TrainingSteps.Memory(p.GetValue(model)!, p.GetValue(precision)!, p.GetValue(device)!, p.GetValue(steps), p.GetValue(threads)));

var call = new Command("call", "Times the addition of two 1×1 tensors");
call.SetAction(_ => OperatorCalls.Time());

var folder = new Option<string>("--folder") { DefaultValueFactory = _ => Path.Combine("bin", "tokenizers"), Description = "Where corpus and tokenizers are put" };
var passes = new Option<int>("--passes") { DefaultValueFactory = _ => 3, Description = "Timed passes of one process" };
var part = new Option<string>("--part") { DefaultValueFactory = _ => "encode,train,limits", Description = "encode, train, limits; several separated by commas" };
var tokenizers = new Command("tokenizers", "Encodes and trains beside Hugging Face's tokenizers, in turn, and prints tables") { folder, part, rounds, passes, python };
tokenizers.SetAction(p => TokenizerContest.Run(new TokenizerContestOptions(p.GetValue(folder)!, p.GetValue(part)!.Split(','), p.GetValue(rounds), p.GetValue(passes), p.GetValue(python)!)));

var tokenizer = new Option<string>("--tokenizer") { Description = "The tokenizer's folder" };
var documents = new Option<string>("--documents") { Description = "A JSON array of strings" };
var algorithm = new Option<string>("--algorithm") { Description = "byte-bpe, wordpiece or unigram" };
var vocabSize = new Option<int>("--vocab-size");
var encodings = new Option<bool>("--encodings") { Description = "Whole encodings with places, not ids alone" };
var encode = new Command("encode", "Times encoding here and prints one JSON object") { tokenizer, documents, passes, threads, encodings };
encode.SetAction(p => TokenizerTimes.Encode(p.GetValue(tokenizer)!, p.GetValue(documents)!, p.GetValue(passes), p.GetValue(threads), p.GetValue(encodings)));
var train = new Command("train", "Times training here and prints one JSON object") { algorithm, vocabSize, documents, passes, threads };
train.SetAction(p => TokenizerTimes.Train(p.GetValue(algorithm)!, p.GetValue(vocabSize), p.GetValue(documents)!, p.GetValue(passes), p.GetValue(threads)));
var trainLarge = new Command("train-large", "Trains on 100 MB and prints time and memory as one JSON object") { vocabSize, threads };
trainLarge.SetAction(p => TokenizerTimes.TrainLarge(p.GetValue(vocabSize), p.GetValue(threads)));
var load = new Command("load", "Times loading here and prints one JSON object") { tokenizer };
load.SetAction(p => TokenizerTimes.Load(p.GetValue(tokenizer)!));
var word = new Command("long-word", "Encodes words of a megabyte and prints one JSON object") { tokenizer };
word.SetAction(p => TokenizerTimes.LongWords(p.GetValue(tokenizer)!));

var padding = new Command("padding", "Encoders with and without computing padding, in turn, and a table") { rounds, threads };
padding.SetAction(p => ModelTimes.Padding(p.GetValue(rounds), p.GetValue(threads)));
var recompute = new Option<bool>("--recompute");
var recomputeStep = new Command("recompute-step", "Times a step with or without recomputation and prints one JSON object") { recompute, passes, threads };
recomputeStep.SetAction(p => ModelTimes.Step(p.GetValue(recompute), p.GetValue(passes), p.GetValue(threads)));
var recomputation = new Command("recomputation", "Time and memory with and without recomputation, in turn, and a table") { rounds, threads };
recomputation.SetAction(p => ModelTimes.Recomputation(p.GetValue(rounds), p.GetValue(threads)));
var prompt = new Option<int>("--prompt") { DefaultValueFactory = _ => 32 };
var newTokens = new Option<int>("--new-tokens") { DefaultValueFactory = _ => 128 };
var generate = new Command("generate", "Times greedy generation here and prints one JSON object") { precision, prompt, newTokens, passes, threads };
generate.SetAction(p => ModelTimes.Generate(p.GetValue(precision)!, p.GetValue(prompt), p.GetValue(newTokens), p.GetValue(passes), p.GetValue(threads)));
var generation = new Command("generation", "Generation beside transformers, in turn, and a table") { rounds, passes, threads, python };
generation.SetAction(p => ModelTimes.Generation(p.GetValue(rounds), p.GetValue(passes), p.GetValue(threads), p.GetValue(python)!));

var loadModel = new Command("load-model", "Times constructing and loading GPT-2 124M in processes of their own, and prints a table") { rounds, threads };
loadModel.SetAction(p => ModelTimes.LoadModel(p.GetValue(rounds), p.GetValue(threads)));
var modelFolder = new Argument<string>("folder");
var loadFolder = new Command("load-folder", "Times loading here and prints one JSON object") { modelFolder, threads };
loadFolder.SetAction(p => ModelTimes.LoadFolder(p.GetValue(modelFolder)!, p.GetValue(threads)));

var data = new Option<string?>("--data") { Description = "A text file; the SDK's documentation where it is not given" };
var recipe = new Option<string>("--recipe") { DefaultValueFactory = _ => "muon", Description = "muon, or adamw as nanoGPT" };
var trainingSteps = new Option<int>("--steps") { DefaultValueFactory = _ => 2000 };
var ownSteps = new Option<int>("--own-steps") { DefaultValueFactory = _ => 600, Description = "Steps of PreTrain" };
var quality = new Command("quality", "Trains nanoGPT's CPU preset here and in PyTorch, in turn, and prints a table") { data, recipe, trainingSteps, ownSteps, rounds, threads, python };
quality.SetAction(p => QualityContest.Run(new QualityOptions(p.GetValue(data), p.GetValue(trainingSteps), p.GetValue(ownSteps), p.GetValue(recipe)!, p.GetValue(rounds), p.GetValue(threads), p.GetValue(python)!)));
var seed = new Option<int>("--seed");
var output = new Option<string>("--output") { Required = true };
var qualityRun = new Command("quality-run", "Trains here and prints one JSON object") { data, recipe, trainingSteps, seed, threads, output };
qualityRun.SetAction(p => QualityContest.Train(p.GetValue(data)!, p.GetValue(recipe)!, p.GetValue(trainingSteps), p.GetValue(seed), p.GetValue(threads), p.GetValue(output)!));

return new RootCommand("Compares PreTrain with PyTorch and Hugging Face's tokenizers") { step, run, memory, call, tokenizers, encode, train, trainLarge, load, word,
    padding, recomputation, recomputeStep, generation, generate, loadModel, loadFolder, quality, qualityRun }.Parse(args).Invoke();
