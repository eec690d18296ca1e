using System.Collections;

namespace PreTrain.Data;

/// <summary>
/// Documents of plain text in a stable order. A corpus can be enumerated again and again; each pass reads anew, one document at a time,
/// so that it may be larger than memory.
/// </summary>
public abstract class TextCorpus : IEnumerable<string>
{
    /// <summary>A corpus of files in ordinal order of their full paths, each read as its name says: text files are one document each; see <see cref="CorpusFiles"/>.</summary>
    /// <param name="filesOrGlobs">
    /// Files, or patterns with <c>*</c> (within a folder) and <c>**</c> (across folders) such as <c>docs/**/*.txt</c>, relative or absolute.
    /// A file named twice is read once. A byte order mark is not part of the text.
    /// </param>
    /// <returns>A corpus whose list of files is fixed now and whose contents are read when it is enumerated.</returns>
    /// <exception cref="ArgumentException">No file or pattern was given.</exception>
    /// <exception cref="CorpusException">
    /// A file is missing, empty or unreadable, or a pattern matches nothing; when enumerated, also a file that is broken or not UTF-8: the
    /// exception holds the file and the place.
    /// </exception>
    public static TextCorpus FromFiles(params string[] filesOrGlobs) => new CorpusFiles(filesOrGlobs);

    /// <summary>A corpus of files of several formats, plain or compressed, one or many documents each; see <see cref="CorpusFiles"/>.</summary>
    /// <param name="options">How the files are read.</param>
    /// <param name="filesOrGlobs">Files and patterns, as <see cref="FromFiles(string[])"/> takes them.</param>
    /// <returns>A corpus; its files are read when it is enumerated.</returns>
    /// <exception cref="ArgumentException">No file or pattern was given, or an option is out of range.</exception>
    /// <exception cref="CorpusException">A file is missing, empty or unreadable, or a pattern matches nothing.</exception>
    public static CorpusFiles FromFiles(CorpusFileOptions options, params string[] filesOrGlobs) => new(filesOrGlobs, options);

    /// <summary>A corpus of documents that the program already has, or makes one by one.</summary>
    /// <param name="documents">The documents. A corpus is enumerated several times, so this must be possible for them too.</param>
    /// <returns>A corpus over <paramref name="documents"/>, without a copy.</returns>
    public static TextCorpus FromDocuments(IEnumerable<string> documents)
    {
        ArgumentNullException.ThrowIfNull(documents);
        return new DocumentCorpus(documents);
    }

    /// <summary>This corpus with a step that changes, cuts or drops its documents while it is enumerated.</summary>
    /// <param name="step">What is done, such as <see cref="TextCleaning"/>, <see cref="QualityFilter"/> or <see cref="ExactDeduplication"/>.</param>
    /// <param name="threads">Threads at work; 0 means as before, which is at first one for each processor. The documents are the same for any number.</param>
    /// <returns>A corpus that enumerates this one; it holds a report of what became of the documents.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is negative.</exception>
    public ProcessedCorpus Apply(CorpusStep step, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(step);
        if (threads < 0)
            throw new ArgumentOutOfRangeException(nameof(threads), threads, $"threads ({threads}) must be 0 (one for each processor) or more.");
        return this is ProcessedCorpus processed ? processed.With(step, threads) : new ProcessedCorpus(this, [step], threads);
    }

    /// <summary>Reads the documents in order.</summary>
    /// <returns>An enumerator over one pass.</returns>
    public abstract IEnumerator<string> GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private sealed class DocumentCorpus(IEnumerable<string> documents) : TextCorpus
    {
        public override IEnumerator<string> GetEnumerator()
        {
            long index = 0;
            foreach (var document in documents)
            {
                yield return document ?? throw new CorpusException(
                    $"Document {index} is null; a document must be text. Leave missing documents out of the sequence.");
                index++;
            }
        }
    }
}
