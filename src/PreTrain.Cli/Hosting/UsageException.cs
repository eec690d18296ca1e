namespace PreTrain.Cli.Hosting;

/// <summary>A wrong option. The message names the option, the value and the rule.</summary>
internal sealed class UsageException(string message) : Exception(message);
