namespace PreTrain.Data;

/// <summary>What one step of a corpus did in a pass.</summary>
/// <param name="Name">The step.</param>
/// <param name="DocumentsIn">Documents that came to it.</param>
/// <param name="DocumentsOut">Documents that it handed on.</param>
/// <param name="CharactersIn">UTF-16 code units of those that came.</param>
/// <param name="CharactersOut">UTF-16 code units of those that were handed on.</param>
/// <param name="Dropped">How many documents were dropped for each reason, in ordinal order of the reasons.</param>
/// <param name="Changes">How often each change was made within documents, in ordinal order.</param>
public sealed record CorpusStepReport(
    string Name, long DocumentsIn, long DocumentsOut, long CharactersIn, long CharactersOut, IReadOnlyDictionary<string, long> Dropped, IReadOnlyDictionary<string, long> Changes);
