using System.Text;

namespace PreTrain.Tokenization.Pipeline;

/// <summary>Decodes ids one at a time.</summary>
internal abstract class TokenDecoding
{
    /// <summary>Whether something is held back that later ids decide about.</summary>
    public abstract bool IsPending { get; }

    /// <summary>Adds a token, and appends the text that became complete.</summary>
    public abstract void Push(int id, StringBuilder text);

    /// <summary>Ends the text, and appends what was held back. It can then begin another one.</summary>
    public abstract void Flush(StringBuilder text);
}
