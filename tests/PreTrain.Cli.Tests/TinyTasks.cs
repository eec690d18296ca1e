using System.Text.Json;

namespace PreTrain.Cli.Tests;

/// <summary>Labelled sentences of <see cref="TinyModel.Text"/>: their verb is the class, their subject a name, their object an answer.</summary>
internal static class TinyTasks
{
    /// <summary>Writes the data of a task.</summary>
    public static string Write(TemporaryFolder folder, string task, int sentences = 60)
    {
        string[][] words = [.. TinyModel.Text(sentences).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))];
        return task switch
        {
            "classify" => folder.Write("classify.csv", "text,label\n" + string.Concat(words.Select(w => $"{string.Join(' ', w)},{w[2]}\n"))),
            "tokens" => folder.Write("tokens.conll", string.Concat(words.Select(w => $"{w[0]} B-subject\n{w[1]} I-subject\n{string.Concat(w[2..].Select(word => $"{word} O\n"))}\n"))),
            _ => folder.Write("qa.json", JsonSerializer.Serialize(new { data = new[] { new { paragraphs = words.Select((w, i) => Paragraph(w, i)) } } })),
        };
    }

    private static object Paragraph(string[] words, int number)
    {
        string answer = string.Join(' ', words[3..]), context = string.Join(' ', words);
        return new { context, qas = new[] { new { id = $"{number}", question = $"What is {words[2]}?", answers = new[] { new { text = answer, answer_start = context.Length - answer.Length } } } } };
    }
}
