using System.Text.Json;

namespace PreTrain.Data;

/// <summary>Reads the JSON files of SQuAD (Rajpurkar et al. 2016; 2018 with questions that have no answer).</summary>
internal static class SquadReader
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="CorpusException">It is no such file, or an answer is not where it says; the message names the place or the question's id.</exception>
    internal static List<AnsweredQuestion> Read(SourceFile file)
    {
        string text = file.ReadAllText(replaceInvalid: false);
        try
        {
            using JsonDocument json = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false });
            var questions = new List<AnsweredQuestion>();
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (var (article, a) in Items(file, json.RootElement, "data", ""))
            {
                string place = $"data[{a}]";
                foreach (var (paragraph, p) in Items(file, article, "paragraphs", place))
                {
                    string at = $"{place}.paragraphs[{p}]", context = Text(file, paragraph, "context", at);
                    foreach (var (item, q) in Items(file, paragraph, "qas", at))
                    {
                        AnsweredQuestion question = Question(file, item, $"{at}.qas[{q}]", context, $"{file.Path}#{at}");
                        if (!seen.Add(question.Id)) throw new CorpusException($"The file '{file.Path}' has two questions with the id '{question.Id}'; an id must occur once.", file.Path);
                        questions.Add(question);
                    }
                }
            }
            return questions;
        }
        catch (JsonException e)
        {
            throw new CorpusException($"Line {e.LineNumber + 1} of the file '{file.Path}' is broken: it is no JSON. A file of SQuAD is one object {{\"data\": [{{\"paragraphs\": [{{\"context\": …, \"qas\": […]}}]}}]}}.",
                file.Path, e.LineNumber + 1 ?? 1, e);
        }
        catch (InvalidOperationException e)
        {
            throw new CorpusException($"The file '{file.Path}' has a text with {JsonLinesReader.HalfPair}.", file.Path, innerException: e);
        }
    }

    private static AnsweredQuestion Question(SourceFile file, JsonElement item, string place, string context, string group)
    {
        string id = item.ValueKind == JsonValueKind.Object && item.TryGetProperty("id", out JsonElement given) && given.ValueKind is JsonValueKind.String or JsonValueKind.Number
            ? given.ToString() : throw Broken(file, place, "has no \"id\"");
        string question = Text(file, item, "question", place);
        bool impossible = item.TryGetProperty("is_impossible", out JsonElement flag) && flag.ValueKind == JsonValueKind.True;
        // A question without an answer may have plausible ones, which are none.
        var answers = impossible ? [] : Items(file, item, "answers", place).Select(answer => Answer(file, answer.Item, $"{place}.answers[{answer.Index}]", id, context)).ToList();
        return new() { Id = id, Question = question, Context = context, Answers = answers, Group = group };
    }

    private static TextAnswer Answer(SourceFile file, JsonElement answer, string place, string id, string context)
    {
        string text = Text(file, answer, "text", place);
        if (!answer.TryGetProperty("answer_start", out JsonElement start) || start.ValueKind != JsonValueKind.Number || !start.TryGetInt64(out long point))
            throw Broken(file, place, "has no whole number \"answer_start\"");
        if (CodePoints.Place(context, point) is { } from && context.AsSpan(from).StartsWith(text, StringComparison.Ordinal)) return new(text, from);
        string found = context.IndexOf(text, StringComparison.Ordinal) is >= 0 and var elsewhere
            ? $"it stands at {context[..elsewhere].EnumerateRunes().Count()}" : "it does not occur in it";
        throw new CorpusException($"The file '{file.Path}': the answer '{text}' of the question '{id}' is not at character {point} of its context; {found}. Correct answer_start, or leave the question out.", file.Path);
    }

    private static IEnumerable<(JsonElement Item, int Index)> Items(SourceFile file, JsonElement parent, string name, string place) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Select((item, i) => (item, i)) : throw Broken(file, place, $"has no list \"{name}\"");

    private static string Text(SourceFile file, JsonElement parent, string name, string place) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String && !string.IsNullOrWhiteSpace(value.GetString())
            ? value.GetString()! : throw Broken(file, place, $"has no text \"{name}\"");

    private static CorpusException Broken(SourceFile file, string place, string fault) =>
        new($"The file '{file.Path}' is no file of SQuAD: {(place.Length == 0 ? "its top level" : place)} {fault}.", file.Path);
}
