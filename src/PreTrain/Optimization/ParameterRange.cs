namespace PreTrain.Optimization;

/// <summary>Where a parameter lies in flat buffers: <paramref name="Count"/> elements from <paramref name="Start"/>, then a gap up to <paramref name="End"/>.</summary>
internal sealed record ParameterRange(string Name, long[] Shape, long Start, long Count, long End)
{
    /// <summary>Whether it has weight decay where nothing else is said: matrices have, biases and gains have not.</summary>
    internal bool IsMatrix => Shape.Length >= 2;

    /// <summary>The number of the block that it belongs to, the first number in its name; null for embeddings, the last norm and heads.</summary>
    internal int? Block => BlockOf(Name);

    /// <summary>Whether it is a table that rows are taken from.</summary>
    internal bool IsEmbedding => Name.Contains("embedding", StringComparison.OrdinalIgnoreCase) || Name.Contains("positions", StringComparison.OrdinalIgnoreCase);

    internal static int? BlockOf(string name)
    {
        foreach (string part in name.Split('.'))
            if (int.TryParse(part, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int block)) return block;
        return null;
    }
}
