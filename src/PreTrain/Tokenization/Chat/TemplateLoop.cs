namespace PreTrain.Tokenization.Chat;

/// <summary>What <c>loop</c> is within a loop.</summary>
/// <param name="items">All that is gone through.</param>
internal sealed class TemplateLoop(List<object?> items)
{
    /// <summary>The round, from 0.</summary>
    internal int Index { get; set; }

    internal object? Get(string name) => name switch
    {
        "index" => (long)Index + 1,
        "index0" => (long)Index,
        "revindex" => (long)items.Count - Index,
        "revindex0" => (long)items.Count - Index - 1,
        "first" => Index == 0,
        "last" => Index == items.Count - 1,
        "length" => (long)items.Count,
        "previtem" => Index > 0 ? items[Index - 1] : new TemplateUndefined("loop.previtem"),
        "nextitem" => Index + 1 < items.Count ? items[Index + 1] : new TemplateUndefined("loop.nextitem"),
        "cycle" => (TemplateFunction)(a => a.Count > 0 ? a.Places[Index % a.Count] : throw new TemplateException("loop.cycle needs values.")),
        _ => new TemplateUndefined("loop." + name),
    };
}
