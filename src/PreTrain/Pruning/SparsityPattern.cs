using System.Globalization;

namespace PreTrain.Pruning;

/// <summary>At most so many weights of each group of successive inputs are not zero: 2:4 is what sparse tensor cores compute with (Mishra et al. 2021, "Accelerating Sparse Deep Neural Networks", section 3).</summary>
/// <param name="Kept">N, the weights of a group that stay.</param>
/// <param name="Group">M, the weights of a group.</param>
public sealed record SparsityPattern(int Kept, int Group)
{
    /// <summary>The part of the weights that is zero.</summary>
    public double Sparsity => 1 - (double)Kept / Group;

    /// <summary>Reads a text such as <c>2:4</c>.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static SparsityPattern Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split(':');
        if (parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int kept) && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int group)
            && new SparsityPattern(kept, group) is var pattern && pattern.IsValid) return pattern;
        throw new FormatException($"The pattern '{text}' must be N:M with 0 < N < M, such as 2:4.");
    }

    /// <summary>N:M.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Kept}:{Group}");

    internal bool IsValid => Kept > 0 && Kept < Group;
}
