namespace PreTrain.Export;

/// <summary>How <see cref="GgufExporter"/> writes.</summary>
public sealed record GgufExportOptions
{
    /// <summary>How matrices are stored.</summary>
    /// <value>The default is <see cref="GgufPrecision.Float16"/>.</value>
    public GgufPrecision Precision { get; init; } = GgufPrecision.Float16;

    /// <summary>What the file calls the model, <c>general.name</c>; null for the name of the file.</summary>
    /// <value>The default is null.</value>
    public string? Name { get; init; }

    /// <summary>How the model is shown a conversation, <c>tokenizer.chat_template</c>, in Jinja as the model's folder has it (<see cref="Tokenization.Chat.ChatTemplate.ReadSource"/>); null for none. It goes with a tokenizer.</summary>
    /// <value>The default is null.</value>
    public string? ChatTemplate { get; init; }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">One is out of range.</exception>
    public void Validate()
    {
        if (!Enum.IsDefined(Precision)) throw new ArgumentException($"{nameof(Precision)} ({Precision}) must be {string.Join(", ", Enum.GetNames<GgufPrecision>())}.");
    }
}
