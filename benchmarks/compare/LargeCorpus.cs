using System.Text;
using PreTrain.Data;

namespace PreTrain.Compare;

/// <summary>
/// A corpus as large as is asked for: the SDK's documentation over and over. From the second time on each word of it is made another with a chance of a
/// half: its letters moved along the alphabet, by as much as the round and the word say. So new words keep coming, more of them than in real text.
/// </summary>
internal static class LargeCorpus
{
    internal static IEnumerable<string> Read(long bytes)
    {
        var documentation = new SdkDocumentation();
        long read = 0;
        for (int round = 0; ; round++)
        {
            foreach (string document in documentation)
            {
                string text = round == 0 ? document : Change(document, round);
                yield return text;
                read += Encoding.UTF8.GetByteCount(text);
                if (read >= bytes) yield break;
            }
        }
    }

    private static string Change(string document, int round) => string.Create(document.Length, (document, round), static (span, state) =>
    {
        state.document.CopyTo(span);
        for (int start = 0; start < span.Length;)
        {
            int end = start;
            uint hash = (uint)state.round * 2654435761;
            for (; end < span.Length && char.IsAsciiLetterLower(span[end]); end++) hash = (hash ^ span[end]) * 16777619;
            if ((hash >> 16 & 1) != 0)
            {
                int step = (int)(hash >> 17) % 26;
                foreach (ref char c in span[start..end]) c = (char)('a' + (c - 'a' + step) % 26);
            }

            start = end + 1;
        }
    });
}
