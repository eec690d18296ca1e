namespace PreTrain.Data;

/// <summary>How far <see cref="TokenStore.Build"/> has come.</summary>
/// <param name="Documents">Documents written.</param>
/// <param name="Characters">UTF-16 code units of text in them.</param>
/// <param name="Tokens">Tokens written, with the end-of-text tokens.</param>
public readonly record struct TokenStoreProgress(long Documents, long Characters, long Tokens);
