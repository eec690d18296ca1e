namespace PreTrain.Objectives;

/// <summary>A row of a packed batch: one document, or a whole context.</summary>
/// <param name="Inputs">The tokens.</param>
/// <param name="Targets">The token after each in its document.</param>
/// <param name="Seed">What decides about the row, a function of its place alone.</param>
internal readonly record struct PackedRow(long[] Inputs, long[] Targets, ulong Seed);
