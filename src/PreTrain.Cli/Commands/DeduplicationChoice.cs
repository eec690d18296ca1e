namespace PreTrain.Cli.Commands;

/// <summary>What <c>--dedup</c> takes for the same.</summary>
internal enum DeduplicationChoice
{
    Exact,
    MinHash,
}
