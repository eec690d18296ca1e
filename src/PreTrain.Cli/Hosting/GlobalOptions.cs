using System.CommandLine;

namespace PreTrain.Cli.Hosting;

/// <summary>The options that every command takes.</summary>
internal sealed class GlobalOptions
{
    public Option<bool> Json { get; } = new("--json") { Description = "Print the result as one JSON object on standard output.", Recursive = true };

    public Option<long?> Seed { get; } = Options.Seed("--seed", "What all random numbers follow from. The default is 0.");

    public Option<DeviceChoice?> Device { get; } = Options.Choice("--device", "Where to compute. The default is auto: CUDA where there is a device, else the processor.",
        ("auto", DeviceChoice.Auto), ("cpu", DeviceChoice.Cpu), ("cuda", DeviceChoice.Cuda));

    public Option<int?> Threads { get; } = Options.Positive("--threads", "Threads of the processor. The default is all.");

    public Option<bool> Quiet { get; } = new("--quiet") { Description = "No progress and no log; errors only.", Recursive = true };

    public Option<bool> Verbose { get; } = new("--verbose") { Description = "More of the log, and stack traces with errors.", Recursive = true };

    public void AddTo(Command root)
    {
        foreach (Option option in new Option[] { Json, Seed, Device, Threads, Quiet, Verbose })
        {
            option.Recursive = true;
            root.Options.Add(option);
        }
    }
}
