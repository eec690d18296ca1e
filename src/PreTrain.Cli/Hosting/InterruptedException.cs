namespace PreTrain.Cli.Hosting;

/// <summary>A signal ended the command. The message says what was saved, and how to go on.</summary>
internal sealed class InterruptedException(string message) : Exception(message);
