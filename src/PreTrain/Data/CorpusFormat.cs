namespace PreTrain.Data;

/// <summary>What a file of a corpus holds.</summary>
public enum CorpusFormat
{
    /// <summary>As the name ends, without <c>.gz</c> or <c>.br</c>: .jsonl, .ndjson and .json, .csv and .tsv, .html, .htm and .xhtml, .xml; text otherwise.</summary>
    Auto,

    /// <summary>Plain text; the file is one document.</summary>
    Text,

    /// <summary>One JSON object on each line; one member of it is a document.</summary>
    JsonLines,

    /// <summary>Rows of fields with a header (RFC 4180); one column holds the documents.</summary>
    Csv,

    /// <summary>A page; its text is one document.</summary>
    Html,

    /// <summary>Elements; the text of the root, or of each element of a name, is a document.</summary>
    Xml,
}
