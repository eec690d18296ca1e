using System.Text;
using System.Xml;

namespace PreTrain.Data;

/// <summary>Takes the text of elements. External entities and document types are never read.</summary>
internal static class XmlTextReader
{
    public static IEnumerable<CorpusRecord> Read(SourceFile file, string? element)
    {
        using var content = file.OpenContent();
        var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore, XmlResolver = null, IgnoreComments = true, IgnoreProcessingInstructions = true };
        XmlReader? reader = null;
        var found = 0;
        try
        {
            while (true)
            {
                string? text = null;
                CorpusException? fault = null;
                try
                {
                    reader ??= XmlReader.Create(content, settings);
                    text = Next(reader, element);
                }
                catch (XmlException e)
                {
                    fault = new CorpusException($"Line {e.LineNumber} of the file '{file.Path}' is broken: {e.Message} The rest of the file is not read.", file.Path, e.LineNumber, e);
                }
                if (fault is not null)
                {
                    yield return new CorpusRecord(null, fault);
                    yield break;   // what follows a fault of XML has no meaning
                }
                if (text is null)
                    break;
                found++;
                yield return new CorpusRecord(text, null);
            }
        }
        finally
        {
            reader?.Dispose();
        }
        if (found == 0)
            throw new CorpusException($"The file '{file.Path}' has no element '{element}'. Name the element that holds the text, or none to take the root.", file.Path);
    }

    private static string? Next(XmlReader reader, string? element)
    {
        while (reader.Read())
        {
            if (reader.NodeType == XmlNodeType.Element && (element is null ? reader.Depth == 0 : reader.LocalName == element))
                return TextLines.Tidy(Inner(reader));
        }
        return null;
    }

    // Elements between which nothing stands are lines of their own: "<p>a</p><p>b</p>".
    private static string Inner(XmlReader reader)
    {
        var text = new StringBuilder();
        if (reader.IsEmptyElement)
            return "";
        var depth = reader.Depth;
        for (var before = XmlNodeType.Element; reader.Read() && reader.Depth > depth; before = reader.NodeType)
        {
            if (reader.NodeType is XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.Whitespace or XmlNodeType.SignificantWhitespace)
                text.Append(reader.Value);
            else if (reader.NodeType == XmlNodeType.Element && before == XmlNodeType.EndElement)
                text.Append('\n');
        }
        return text.ToString();
    }
}
