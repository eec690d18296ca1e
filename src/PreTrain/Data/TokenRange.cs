namespace PreTrain.Data;

/// <summary>A contiguous part of a <see cref="TokenStore"/>. It owns nothing and is valid as long as the store is open.</summary>
public sealed class TokenRange
{
    internal TokenRange(TokenStore store, long start, long count)
    {
        Store = store;
        Start = start;
        Count = count;
    }

    /// <summary>The store that holds the tokens.</summary>
    public TokenStore Store { get; }

    /// <summary>The position in the store of the first token.</summary>
    public long Start { get; }

    /// <summary>The number of tokens.</summary>
    public long Count { get; }

    /// <summary>Copies tokens.</summary>
    /// <param name="offset">The position of the first, from the range's start.</param>
    /// <param name="destination">Receives as many tokens as it holds.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tokens are not all inside the range.</exception>
    public void Read(long offset, Span<long> destination)
    {
        Check(offset, destination.Length);
        Store.Read(Start + offset, destination);
    }

    /// <inheritdoc cref="Read(long, Span{long})"/>
    public void Read(long offset, Span<int> destination)
    {
        Check(offset, destination.Length);
        Store.Read(Start + offset, destination);
    }

    /// <summary>A part of this range.</summary>
    /// <param name="offset">The position of its first token, from this range's start.</param>
    /// <param name="count">The number of its tokens.</param>
    /// <returns>The part.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside this range.</exception>
    public TokenRange Slice(long offset, long count)
    {
        Check(offset, count);
        return new TokenRange(Store, Start + offset, count);
    }

    /// <summary>Holds the end of the range out for validation.</summary>
    /// <param name="validationFraction">The share of the tokens that is held out, more than 0 and less than 1.</param>
    /// <returns>Two ranges without a common token that together are this one.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="validationFraction"/> is not between 0 and 1.</exception>
    public (TokenRange Train, TokenRange Validation) Split(double validationFraction)
    {
        if (!(validationFraction > 0 && validationFraction < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(validationFraction), validationFraction,
                $"validationFraction ({validationFraction}) must be greater than 0 and less than 1; 0.1 holds a tenth out.");
        }
        var validation = Math.Clamp((long)Math.Round(Count * validationFraction), 0, Count);
        return (Slice(0, Count - validation), Slice(Count - validation, validation));
    }

    private void Check(long offset, long count)
    {
        if (offset < 0 || count < 0 || offset > Count - count)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), offset,
                $"{count} tokens from offset {offset} do not lie within the {Count} tokens of the range.");
        }
    }
}
