namespace PreTrain.Tokenization.PostProcessors;

/// <summary>A piece of a template: a text, or a special token by its name.</summary>
/// <param name="Sequence">0 for the first text, 1 for the second, −1 for a special token.</param>
/// <param name="Name">The name of the special token; empty for a text.</param>
/// <param name="TypeId">The type of its tokens.</param>
internal readonly record struct TemplatePiece(int Sequence, string Name, int TypeId);
