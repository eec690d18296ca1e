namespace PreTrain.Cli.Hosting;

/// <summary>A result that is not a finite number.</summary>
internal sealed class NotFiniteException(string message) : Exception(message);
