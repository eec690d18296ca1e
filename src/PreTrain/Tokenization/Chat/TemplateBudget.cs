using System.Runtime.CompilerServices;

namespace PreTrain.Tokenization.Chat;

/// <summary>What one rendering may make: a template that came with a model must neither take all memory nor go on for ever.</summary>
internal sealed class TemplateBudget
{
    /// <summary>The longest text in characters, and the longest list.</summary>
    private const int Longest = 1 << 24;

    /// <summary>Characters that may be made in all.</summary>
    private const long Most = 1L << 28;

    /// <summary>What an item of a list and a round of a loop count in characters: about the memory that they take.</summary>
    private const int Item = 32;

    private long _spent;

    /// <summary>Counts a value that was made.</summary>
    internal object? Keep(object? value)
    {
        if (value is string text) Spend(text.Length);
        else if (value is List<object?> list) Rounds(list.Count);
        return value;
    }

    /// <summary>Counts characters that were written.</summary>
    internal void Spend(long characters)
    {
        _spent += characters;
        if (_spent > Most) throw new TemplateException($"The template makes texts and lists of more than {Most} characters.");
    }

    /// <summary>Counts rounds of a loop, or items.</summary>
    internal void Rounds(long count) => Spend(Item * count);

    /// <summary>Requires that a text of this length, or a list, may be made.</summary>
    internal static int Fit(double length) =>
        length <= Longest ? (int)length : throw new TemplateException($"A text or list of {length:0} characters or items is longer than {Longest}.");

    /// <summary>Requires room for one more value within a value.</summary>
    internal static void Dive()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw new TemplateException("Values are nested too deeply.");
    }
}
