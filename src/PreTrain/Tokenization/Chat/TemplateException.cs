namespace PreTrain.Tokenization.Chat;

/// <summary>A fault of a template; <see cref="ChatTemplate"/> turns it into one that names the file.</summary>
/// <param name="fault">What is wrong, as a sentence.</param>
/// <param name="offset">Its place in the template, in characters; null where that is not known yet.</param>
/// <param name="isRefusal">Whether the template itself refuses its input, by <c>raise_exception</c>.</param>
internal sealed class TemplateException(string fault, int? offset = null, bool isRefusal = false) : Exception(fault)
{
    internal int? Offset { get; } = offset;

    internal bool IsRefusal { get; } = isRefusal;

    /// <summary>The same fault at a place, unless it has one.</summary>
    internal TemplateException At(int place) => Offset is null ? new(Message, place, IsRefusal) : this;
}
