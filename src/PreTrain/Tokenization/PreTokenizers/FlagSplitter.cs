using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>Cuts at characters of a kind: <c>WhitespaceSplit</c>, <c>Digits</c>, <c>Punctuation</c>.</summary>
internal sealed class FlagSplitter : ITextSplitter
{
    private readonly string _name;
    private readonly CharacterFlags _flags;
    private readonly SplitBehavior _behavior;

    private FlagSplitter(string name, CharacterFlags flags, SplitBehavior behavior) => (_name, _flags, _behavior) = (name, flags, behavior);

    /// <summary>White space goes.</summary>
    public static FlagSplitter WhitespaceSplit() => new("WhitespaceSplit", CharacterFlags.Space, SplitBehavior.Removed);

    /// <summary>Numbers stand alone, as a whole or each character of them.</summary>
    public static FlagSplitter Digits(bool individual) => new("Digits", CharacterFlags.Numeric, individual ? SplitBehavior.Isolated : SplitBehavior.Contiguous);

    /// <summary>Cuts at punctuation.</summary>
    public static FlagSplitter Punctuation(SplitBehavior behavior) => new("Punctuation", CharacterFlags.Punctuation, behavior);

    /// <inheritdoc/>
    public void Split(PieceList pieces) => Cutter.CutAtFlags(pieces, _flags, _behavior);

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", _name);
        if (_flags == CharacterFlags.Numeric)
            json.WriteBoolean("individual_digits", _behavior == SplitBehavior.Isolated);
        else if (_flags == CharacterFlags.Punctuation)
            json.WriteString("behavior", _behavior.ToString());
        json.WriteEndObject();
    }
}
