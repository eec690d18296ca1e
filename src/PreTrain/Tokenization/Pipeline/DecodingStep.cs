namespace PreTrain.Tokenization.Pipeline;

/// <summary>A step of one decoding, fed with tokens. A token may come in several parts.</summary>
internal abstract class DecodingStep
{
    /// <summary>Takes a part of a token.</summary>
    public abstract void Write(ReadOnlySpan<char> part);

    /// <summary>Ends the token.</summary>
    public abstract void EndToken();

    /// <summary>Ends the text.</summary>
    public abstract void Flush();

    /// <summary>Takes a whole token.</summary>
    public void WriteToken(ReadOnlySpan<char> token)
    {
        Write(token);
        EndToken();
    }
}
