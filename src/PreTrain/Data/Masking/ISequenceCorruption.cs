using System.Text.Json.Nodes;

namespace PreTrain.Data.Masking;

/// <summary>What a model that reads one sequence and writes another learns without labels: to write what a text lost. Safe for use by several threads.</summary>
public interface ISequenceCorruption
{
    /// <summary>A short name for logs and checkpoints.</summary>
    string Name { get; }

    /// <summary>What must be the same for a run to be resumed.</summary>
    JsonObject Describe();

    /// <summary>The most tokens of a text whose corrupted form has at most so many.</summary>
    /// <param name="sourceLength">The most tokens that may be read.</param>
    /// <exception cref="ArgumentException">There is no such text.</exception>
    int TextLength(int sourceLength);

    /// <summary>Corrupts a text.</summary>
    /// <param name="text">The tokens, at least two.</param>
    /// <param name="seed">Decides what is lost.</param>
    /// <returns>What is read, and what is to be written.</returns>
    (long[] Source, long[] Target) Corrupt(ReadOnlySpan<long> text, ulong seed);
}
