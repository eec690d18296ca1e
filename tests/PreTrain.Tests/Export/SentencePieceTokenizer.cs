using System.Text.Json.Nodes;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Export;

/// <summary>A tokenizer as transformers makes them from SentencePiece's BPE models: every pair of tokens that makes a third is a merge.</summary>
internal static class SentencePieceTokenizer
{
    public static TextTokenizer Create(string folder)
    {
        PipelineTokenizer trained = PipelineTokenizer.TrainBpe([GgufModels.Text], new() { VocabSize = 420, ByteFallback = true, SpecialTokens = ["<unk>", "<s>", "</s>"] });
        trained.Save(folder);
        string file = Path.Combine(folder, "tokenizer.json");
        JsonNode json = JsonNode.Parse(File.ReadAllText(file))!;
        Dictionary<string, int> ids = json["model"]!["vocab"]!.AsObject().ToDictionary(entry => entry.Key, entry => entry.Value!.GetValue<int>());
        var merges = new JsonArray();
        foreach (string token in ids.OrderBy(entry => entry.Value).Select(entry => entry.Key).Where(token => token[0] != '<'))
        {
            for (int cut = 1; cut < token.Length; cut++)
            {
                if (ids.ContainsKey(token[..cut]) && ids.ContainsKey(token[cut..])) merges.Add(new JsonArray(token[..cut], token[cut..]));
            }
        }
        json["model"]!["merges"] = merges;
        json["normalizer"] = JsonNode.Parse("""{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}""");
        json["pre_tokenizer"] = null;
        json["post_processor"] = JsonNode.Parse("""
            {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
            "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],"special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}}
            """);
        File.WriteAllText(file, json.ToJsonString());
        return TextTokenizer.Load(folder);
    }
}
