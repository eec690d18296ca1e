using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using PreTrain.Cli.Commands;
using PreTrain.Cli.Hosting;
using PreTrain.Data;

namespace PreTrain.Cli;

/// <summary>The command tree, and what all commands have in common: parsing, faults, exit codes.</summary>
internal static class Tool
{
    private const string Name = "pretrain";

    /// <summary>Runs one call of the tool.</summary>
    /// <param name="arguments">The command line without the program's name.</param>
    /// <param name="output">Receives the result.</param>
    /// <param name="error">Receives progress, logs and errors.</param>
    /// <param name="cancellation">Stops the command, as a signal does.</param>
    /// <param name="heeds">Is called when the command begins to look at <paramref name="cancellation"/>.</param>
    /// <returns>The exit code.</returns>
    public static int Run(string[] arguments, TextWriter output, TextWriter error, CancellationToken cancellation, Action? heeds = null)
    {
        using var libtorch = new LibtorchLoading(arguments);
        var options = new GlobalOptions();
        var root = new RootCommand("Pre-trains, fine-tunes, distils, prunes and quantizes Transformers.");
        options.AddTo(root);
        Action<Session>? run = null;
        void Add(Command parent, Command command, Action<ParseResult, Session> action)
        {
            command.SetAction(parsed => run = session => action(parsed, session));
            RefuseOptionsAsValues(command);
            parent.Subcommands.Add(command);
        }

        InfoCommand.AddTo(root, Add);
        TokenizerCommand.AddTo(root, Add);
        DataCommand.AddTo(root, Add);
        PretrainCommand.AddTo(root, Add);
        VitCommand.AddTo(root, Add);
        FinetuneCommand.AddTo(root, Add);
        PredictCommand.AddTo(root, Add);
        DistillCommand.AddTo(root, Add);
        ScheduleCommand.AddTo(root, Add);
        GenerateCommand.AddTo(root, Add);
        var evaluate = new Command("evaluate", "Measures a model.");
        root.Subcommands.Add(evaluate);
        PerplexityCommand.AddTo(evaluate, Add);
        EvaluateCommand.AddTo(evaluate, Add);
        EvaluateSeq2SeqCommand.AddTo(evaluate, Add);
        EvaluateEmbedCommand.AddTo(evaluate, Add);
        LogitsCommand.AddTo(root, Add);
        EmbedCommand.AddTo(root, Add);
        FillMaskCommand.AddTo(root, Add);
        InspectCommand.AddTo(root, Add);
        ConvertCommand.AddTo(root, Add);
        LoraCommand.AddTo(root, Add);
        PruneCommand.AddTo(root, Add);
        QuantizeCommand.AddTo(root, Add);
        ExportCommand.AddTo(root, Add);
        CompressCommand.AddTo(root, Add);

        // A response file would make a prompt that starts with @ impossible.
        var parser = new ParserConfiguration { ResponseFileTokenReplacer = null };
        ParseResult parsed;
        try
        {
            parsed = root.Parse(RunConfiguration.Expand(root, arguments, parser), parser);
        }
        catch (Exception fault) when (fault is UsageException or CorpusException)
        {
            (int failed, string why) = Faults.Explain(fault);
            error.WriteLine($"error: {why}");
            return failed;
        }
        if (parsed.Errors.Count > 0 && parsed.Action is not (HelpAction or null) || parsed.Action is null)
        {
            foreach (string fault in parsed.Errors.Select(fault => fault.Message).Distinct()) error.WriteLine($"error: {fault}");
            error.WriteLine($"Try '{CommandPath(parsed.CommandResult)} --help'.");
            return ExitCode.Usage;
        }
        using var help = new StringWriter();
        int code = parsed.Invoke(new InvocationConfiguration { Output = help, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        // Help calls the tool by its file's name.
        output.Write(help.ToString().Replace($"{Environment.NewLine}  {RootCommand.ExecutableName} ", $"{Environment.NewLine}  {Name} ", StringComparison.Ordinal));
        if (run is null) return code;   // help and version

        var session = new Session(parsed, options, arguments, output, error, cancellation, heeds);
        try
        {
            run(session);
            return ExitCode.Done;
        }
        catch (Exception fault)
        {
            (code, string message) = Faults.Explain(fault);
            if ((fault.InnerException ?? fault) is ArgumentException || fault is ArgumentException) message = OptionNames.Translate(message, parsed.CommandResult.Command);
            error.WriteLine(code == ExitCode.Interrupted ? message : $"error: {message}");
            if (session.Verbose) error.WriteLine(fault);
            return code;
        }
    }

    /// <summary>An option that takes several values takes what follows it, and would take the next option where its value was forgotten.</summary>
    private static void RefuseOptionsAsValues(Command command)
    {
        foreach (Option<string[]> option in command.Options.OfType<Option<string[]>>().Where(option => option.AllowMultipleArgumentsPerToken && option.HelpName != "TEXT"))
        {
            option.Validators.Add(result =>
            {
                if (result.Tokens.FirstOrDefault(token => token.Value.StartsWith("--", StringComparison.Ordinal)) is { } taken)
                    result.AddError($"{option.Name} ({taken.Value}) must be followed by its values, which do not begin with --.");
            });
        }
    }

    private static string CommandPath(CommandResult command)
    {
        string name = command.Parent is null ? Name : command.Command.Name;
        return command.Parent is CommandResult parent ? $"{CommandPath(parent)} {name}" : name;
    }
}
