namespace PreTrain.Generation;

/// <summary>A step of a text that grows.</summary>
/// <param name="Token">The new token; null where the text ends, and for the whole text of a search with beams.</param>
/// <param name="Text">What became certain with it: whole characters, or nothing.</param>
public readonly record struct GeneratedPiece(int? Token, string Text);
