namespace PreTrain.Cli.Commands;

/// <summary>What is written about a run beside its metrics.</summary>
[Flags]
internal enum ReportKinds
{
    None = 0,
    Html = 1,
    TensorBoard = 2,
    All = Html | TensorBoard,
}
