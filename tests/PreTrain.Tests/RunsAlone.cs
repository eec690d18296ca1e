namespace PreTrain.Tests;

/// <summary>Tests that look at the whole process: its threads, its live tensors, its default generator.</summary>
[CollectionDefinition(nameof(RunsAlone), DisableParallelization = true)]
public sealed class RunsAlone;
