// dotnet run -c Release --project benchmarks/PreTrain.Benchmarks -- --filter '*Operator*'
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using PreTrain.Benchmarks;

if (args is ["checkpoint-memory", ..]) return CheckpointMemory.Run(args[1..]);
if (args is ["kernel-times"]) return KernelTimes.Run();
if (args is ["quantization-quality", ..]) return QuantizationQuality.Run(args[1..]);
if (args is ["quantized-products", ..]) return QuantizedProducts.Run(args[1..]);
if (args is ["pruned-models", ..]) return PrunedModels.Run(args[1..]);
if (args is ["deterministic", ..]) return DeterministicCost.Run(args[1..]);
if (args is ["compression-quality", ..]) return CompressionQuality.Run(args[1..]);
if (args is ["optimizer-steps", ..]) return OptimizerSteps.Run(args[1..]);
if (args is ["finetuning", ..]) return FineTuning.Run(args[1..]);
if (args is ["kill", ..]) return KillTest.Run(args[1..]);
if (args is ["near-deduplication", ..]) return NearDeduplicationBenchmark.Run(args[1..]);

// In process: a generated project would not find the torch provider that was chosen for this one.
ManualConfig config = ManualConfig.Create(DefaultConfig.Instance).AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance));
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config);
return 0;
