namespace PreTrain.Tokenization.Chat;

/// <summary>What a function, a filter or a test is called with.</summary>
/// <param name="who">Its name, for messages.</param>
/// <param name="places">Values by their place.</param>
/// <param name="names">Values by name.</param>
/// <param name="budget">What may still be made.</param>
internal sealed class TemplateArguments(string who, IReadOnlyList<object?> places, IReadOnlyDictionary<string, object?> names, TemplateBudget budget)
{
    internal TemplateBudget Budget => budget;

    internal int Count => places.Count;

    internal string Who => who;

    internal IReadOnlyList<object?> Places => places;

    internal IReadOnlyDictionary<string, object?> Names => names;

    /// <summary>Requires at most so many values, and no others than these names.</summary>
    internal TemplateArguments Take(int most, params string[] known)
    {
        if (places.Count > most) throw new TemplateException($"{who} takes at most {most} values here, and not {places.Count}.");
        if (names.Keys.FirstOrDefault(name => !known.Contains(name)) is { } strange) throw new TemplateException($"{who} does not know '{strange}' here.");
        return this;
    }

    internal bool Has(int place, string name) => place < places.Count || names.ContainsKey(name);

    internal object? Value(int place, string name, object? fallback = null) => place < places.Count ? places[place] : names.GetValueOrDefault(name, fallback);

    internal string Text(int place, string name) => Value(place, name) as string ?? throw new TemplateException($"{who} needs a text as '{name}'.");

    internal long Whole(int place, string name, long fallback) => Has(place, name) ? TemplateValues.Whole(Value(place, name), $"'{name}' of {who}") : fallback;

    /// <summary>The rest behind the first so many, for a filter or test that is called with them.</summary>
    internal TemplateArguments Behind(int count, string name) => new(name, [.. places.Skip(count)], names, budget);
}
