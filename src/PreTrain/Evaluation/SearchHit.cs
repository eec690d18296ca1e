namespace PreTrain.Evaluation;

/// <summary>A vector that a search found.</summary>
/// <param name="Index">Its place in the index, from 0.</param>
/// <param name="Score">Its cosine with what was searched for.</param>
public readonly record struct SearchHit(int Index, float Score);
