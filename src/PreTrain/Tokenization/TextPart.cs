namespace PreTrain.Tokenization;

/// <summary>A part of a text: an added token's if it has an id, else plain text.</summary>
internal readonly record struct TextPart(int Start, int End, int? Id);
