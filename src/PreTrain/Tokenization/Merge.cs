namespace PreTrain.Tokenization;

/// <summary>One merge: the pair of ids, and the id of the token that replaces it.</summary>
internal readonly record struct Merge(int Left, int Right, int Id);
