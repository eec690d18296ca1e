using System.Collections.Frozen;

namespace PreTrain.Models;

/// <summary>How a <see cref="SentenceEncoder"/> makes a vector of a text.</summary>
public sealed record SentenceEncoderOptions
{
    /// <summary>What becomes of the tokens' states.</summary>
    /// <value>The default is <see cref="SentencePooling.Mean"/>.</value>
    public SentencePooling Pooling { get; init; }

    /// <summary>Whether vectors have the length 1, so that their products are cosines.</summary>
    /// <value>The default is true.</value>
    public bool Normalizes { get; init; } = true;

    /// <summary>The longest text, in tokens with those around it; what lies behind is cut off. Null for the model's context, or 512 where that has no limit.</summary>
    /// <value>The default is null.</value>
    public int? MaxLength { get; init; }

    /// <summary>Whether texts become lower case before they are cut into tokens.</summary>
    /// <value>The default is false.</value>
    public bool Lowercases { get; init; }

    /// <summary>Texts that may stand before those that become vectors, by their names, such as <c>query</c>.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyDictionary<string, string> Prompts { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>The name of the prompt that <see cref="SentenceEncoder.Embed"/> puts before each text; null for none. Training puts none there.</summary>
    /// <value>The default is null.</value>
    public string? DefaultPrompt { get; init; }

    /// <summary>A text with the default prompt before it.</summary>
    /// <param name="text">The text.</param>
    public string WithPrompt(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (DefaultPrompt is null) return text;
        return Prompts.GetValueOrDefault(DefaultPrompt) + text;
    }

    /// <summary>A text as it is cut into tokens: in lower case if <see cref="Lowercases"/> says so.</summary>
    /// <param name="text">The text.</param>
    public string Prepare(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Lowercases ? LowerCase(text) : text;
    }

    /// <summary>What the folder of a sentence encoder says, in the layout of the library sentence-transformers.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>Null where it holds no <c>modules.json</c>: a model that is no sentence encoder.</returns>
    /// <exception cref="Checkpoints.CheckpointException">A file is broken, or names a module, a pooling or a prompt that is not known here.</exception>
    public static SentenceEncoderOptions? FromFolder(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return SentenceFolder.Read(folder);
    }

    /// <summary>Python's <c>lower</c>, which knows two characters more than .NET's: a dotted I, and a sigma that ends a word.</summary>
    private static string LowerCase(string text)
    {
        char[] characters = text.ToLowerInvariant().ToCharArray();
        for (int i = 1; i < characters.Length; i++)
        {
            if (text[i] == 'Σ' && char.IsLetter(text[i - 1]) && !(i + 1 < text.Length && char.IsLetter(text[i + 1]))) characters[i] = 'ς';
        }
        return new string(characters).Replace("İ", "i\u0307", StringComparison.Ordinal);
    }
}
