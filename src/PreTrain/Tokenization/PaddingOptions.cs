namespace PreTrain.Tokenization;

/// <summary>How encodings are filled up to one length: what <c>tokenizer.json</c> calls <c>padding</c>.</summary>
public sealed record PaddingOptions
{
    /// <summary>Encodings keep their lengths.</summary>
    public static PaddingOptions None { get; } = new() { Strategy = PaddingStrategy.None };

    /// <summary>To what length.</summary>
    /// <value>The default is <see cref="PaddingStrategy.Longest"/>.</value>
    public PaddingStrategy Strategy { get; init; } = PaddingStrategy.Longest;

    /// <summary>The length for <see cref="PaddingStrategy.Fixed"/>, in tokens. Longer encodings keep theirs.</summary>
    /// <value>The default is 0.</value>
    public int Length { get; init; }

    /// <summary>The length is made a multiple of this; 0 for none.</summary>
    /// <value>The default is 0.</value>
    public int MultipleOf { get; init; }

    /// <summary>On which side.</summary>
    /// <value>The default is <see cref="TextSide.Right"/>.</value>
    public TextSide Side { get; init; }

    /// <summary>The id that fills up; <see langword="null"/> for the tokenizer's padding token, and 0 if it has none.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public int? Id { get; init; }

    /// <summary>The type of the tokens that fill up.</summary>
    /// <value>The default is 0.</value>
    public int TypeId { get; init; }

    /// <summary>How the token is spelled; <see langword="null"/> for the spelling of <see cref="Id"/>.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public string? Token { get; init; }

    /// <summary>Checks all options together.</summary>
    /// <exception cref="ArgumentException">At least one of them is not valid; the message names each.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Length < 0)
            faults.Add($"Length ({Length}) must not be negative; it is a number of tokens.");
        if (MultipleOf < 0)
            faults.Add($"MultipleOf ({MultipleOf}) must not be negative; use 0 for any length.");
        if (Id < 0)
            faults.Add($"Id ({Id}) must not be negative; it is that of a token.");
        if (TypeId < 0)
            faults.Add($"TypeId ({TypeId}) must not be negative.");
        if (faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }

    /// <summary>The length to fill up to.</summary>
    internal int TargetLength(int longest)
    {
        long length = Strategy switch { PaddingStrategy.Fixed => Length, PaddingStrategy.Longest => longest, _ => 0 };
        if (MultipleOf > 0 && length % MultipleOf > 0)
            length += MultipleOf - length % MultipleOf;
        return checked((int)length);
    }
}
