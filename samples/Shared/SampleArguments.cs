using PreTrain.Data;

/// <summary>What a sample was called with: text files, and --steps NUMBER.</summary>
internal sealed record SampleArguments(string[] Files, int Steps)
{
    /// <summary>The files, or where there are none, the reference documentation of the .NET SDK.</summary>
    public TextCorpus Corpus => Files.Length == 0 ? new SdkDocumentation() : TextCorpus.FromFiles(Files);

    /// <summary>Reads the arguments; null, with a message, where they are wrong.</summary>
    public static SampleArguments? Read(string[] args, int steps)
    {
        var files = new List<string>();
        for (int i = 0; i < args.Length; i++)
        {
            if (args[i] != "--steps") files.Add(args[i]);
            else if (++i == args.Length || !int.TryParse(args[i], out steps) || steps < 1)
            {
                Console.Error.WriteLine("--steps takes a positive whole number, as in --steps 100.");
                return null;
            }
        }
        return new([.. files], steps);
    }

    /// <summary>Says what went wrong with the data, or that Ctrl+C came before the first step.</summary>
    public static int Fail(Exception e)
    {
        Console.Error.WriteLine(e is OperationCanceledException ? "Interrupted before the first step." : e.Message);
        return e is OperationCanceledException ? 130 : 3;
    }
}
