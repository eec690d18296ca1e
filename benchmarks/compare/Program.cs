// Side by side with PyTorch: run.sh says how it is called.
using System.CommandLine;
using PreTrain.Compare;

var model = new Option<string>("--model") { DefaultValueFactory = _ => "char", Description = "char, gpt2, gpt2-1024 or tiny; for 'run' several, separated by commas" };
var precision = new Option<string>("--precision") { DefaultValueFactory = _ => "bf16", Description = "fp32 or bf16" };
var device = new Option<string>("--device") { DefaultValueFactory = _ => "cpu", Description = "cpu or cuda" };
var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 5, Description = "Timed steps of one process" };
var warmup = new Option<int>("--warmup") { DefaultValueFactory = _ => 2, Description = "Steps before them" };
var threads = new Option<int>("--threads") { DefaultValueFactory = _ => Environment.ProcessorCount, Description = "Threads of both sides" };
var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 3, Description = "How often each contender's process runs, in turn with the others" };
var python = new Option<string>("--python") { DefaultValueFactory = _ => Environment.GetEnvironmentVariable("PYTHON") ?? "python3", Description = "A Python with torch, as a command" };
var compile = new Option<bool>("--compile") { Description = "Also torch.compile" };

var step = new Command("step", "Times training steps here and prints one JSON object") { model, precision, device, steps, warmup, threads };
step.SetAction(p => TrainingSteps.Time(p.GetValue(model)!, p.GetValue(precision)!, p.GetValue(device)!, p.GetValue(steps), p.GetValue(warmup), p.GetValue(threads)));

var run = new Command("run", "Runs all contenders in turn and prints a table") { model, device, steps, warmup, threads, rounds, python, compile };
run.SetAction(p => Contest.Run(new ContestOptions(p.GetValue(model)!.Split(','), p.GetValue(device)!, p.GetValue(steps), p.GetValue(warmup), p.GetValue(threads),
    p.GetValue(rounds), p.GetValue(python)!, p.GetValue(compile))));

var memory = new Command("memory", "Trains and prints resident memory and live tensors along the way") { model, precision, device, steps, threads };
memory.SetAction(p => TrainingSteps.Memory(p.GetValue(model)!, p.GetValue(precision)!, p.GetValue(device)!, p.GetValue(steps), p.GetValue(threads)));

var call = new Command("call", "Times the addition of two 1×1 tensors");
call.SetAction(_ => OperatorCalls.Time());

return new RootCommand("Compares PreTrain with PyTorch") { step, run, memory, call }.Parse(args).Invoke();
