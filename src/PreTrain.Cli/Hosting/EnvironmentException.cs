namespace PreTrain.Cli.Hosting;

/// <summary>The machine lacks something. The message says what, and how to get it.</summary>
internal sealed class EnvironmentException(string message, Exception? innerException = null) : Exception(message, innerException);
