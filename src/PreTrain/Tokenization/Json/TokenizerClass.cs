using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Json;

/// <summary>The class of transformers that a tokenizer is of. Files without a pipeline of their own are read by it.</summary>
internal static class TokenizerClass
{
    public const string Gpt2 = "GPT2Tokenizer", Roberta = "RobertaTokenizer", Qwen2 = "Qwen2Tokenizer";
    public const string Llama = "LlamaTokenizer", Gemma = "GemmaTokenizer", T5 = "T5Tokenizer", XlmRoberta = "XLMRobertaTokenizer";

    private const string ModelFile = "config.json";

    // They say nothing but that there is a pipeline.
    private static readonly HashSet<string> s_general = ["PreTrainedTokenizer", "PreTrainedTokenizerFast", "TokenizersBackend", "PythonBackend", "SentencePieceBackend"];

    // Names of the same class.
    private static readonly Dictionary<string, string> s_same = new()
    {
        ["CodeGenTokenizer"] = Gpt2,
        ["BartTokenizer"] = Roberta,
        ["LongformerTokenizer"] = Roberta,
        ["LEDTokenizer"] = Roberta,
        ["MvpTokenizer"] = Roberta,
        ["MT5Tokenizer"] = T5,
    };

    /// <summary>The classes of the models whose vocabularies lie in the files that are read here (models/auto/tokenization_auto.py).</summary>
    private static readonly Dictionary<string, string> s_ofModels = new (string Class, string Models)[]
    {
        (Gpt2, "gpt2 gpt_bigcode gpt_neo gptj codegen opt phi starcoder2 jais2"), (Roberta, "roberta roberta-prelayernorm bart longformer led mvp ibert data2vec-text mega mra lilt clap"),
        (Qwen2, "qwen2 qwen2_moe qwen2_vl qwen2_5_vl qwen2_audio qwen3 qwen3_moe qwen3_next qwen3_vl"), (Llama, "llama mistral mixtral"), (Gemma, "gemma gemma2 gemma3 gemma3_text gemma3n recurrent_gemma t5gemma"),
        (T5, "t5 mt5 umt5 switch_transformers musicgen pix2struct"), (XlmRoberta, "xlm-roberta xlm-roberta-xl xmod trocr kosmos-2 jina_embeddings_v3"),
        ("GPTNeoXTokenizer", "gpt_neox mamba mamba2 mpt olmo olmo2 olmoe rwkv stablelm falcon_mamba"), ("CLIPTokenizer", "clip clipseg owlvit owlv2 oneformer groupvit xclip"), ("Qwen3_5Tokenizer", "qwen3_5 qwen3_5_moe"),
        ("BlenderbotTokenizer", "blenderbot"), ("BlenderbotSmallTokenizer", "blenderbot-small"), ("CTRLTokenizer", "ctrl"), ("OpenAIGPTTokenizer", "openai-gpt"), ("WhisperTokenizer", "whisper"), ("DebertaTokenizer", "deberta"),
        ("LukeTokenizer", "luke"), ("LayoutLMv3Tokenizer", "layoutlmv3"), ("MarkupLMTokenizer", "markuplm"), ("CohereTokenizer", "cohere cohere2"), ("CodeLlamaTokenizer", "code_llama"),
        ("AlbertTokenizer", "albert nystromformer yoso"), ("CamembertTokenizer", "camembert"), ("MBartTokenizer", "mbart"), ("MBart50Tokenizer", "mbart50"), ("NllbTokenizer", "nllb nllb-moe"), ("M2M100Tokenizer", "m2m_100"),
        ("BarthezTokenizer", "barthez"), ("BartphoTokenizer", "bartpho"), ("BigBirdTokenizer", "big_bird"), ("DebertaV2Tokenizer", "deberta-v2"), ("FNetTokenizer", "fnet"), ("LayoutXLMTokenizer", "layoutxlm"), ("MLukeTokenizer", "mluke"),
        ("PegasusTokenizer", "pegasus pegasus_x bigbird_pegasus"), ("PLBartTokenizer", "plbart"), ("ReformerTokenizer", "reformer"), ("RemBertTokenizer", "rembert"), ("SeamlessM4TTokenizer", "seamless_m4t seamless_m4t_v2"),
        ("XGLMTokenizer", "xglm"), ("XLNetTokenizer", "xlnet"), ("UdopTokenizer", "udop"),
    }.SelectMany(entry => entry.Models.Split(' ').Select(model => KeyValuePair.Create(model, entry.Class))).ToDictionary();

    /// <summary>
    /// The class that <c>tokenizer_config.json</c> or <c>config.json</c> names, without the <c>Fast</c> at its end, or else that of the model's type;
    /// <see langword="null"/> if nothing says.
    /// </summary>
    public static string? Of(string folder, TokenizerSettings settings)
    {
        JsonPart? model = null;
        string path = Path.Combine(folder, ModelFile);
        if (File.Exists(path))
        {
            var file = new TokenizerFile(path);
            file.Read((ref reader) =>
            {
                file.Require(ref reader, JsonTokenType.StartObject, "The model's configuration");
                model = JsonPart.Read(file, ref reader, ModelFile);
            });
        }

        string? named = Named(settings.Configuration?["tokenizer_class"] is JsonValue value && value.TryGetValue(out string? text) ? text : null) ?? Named(Text("tokenizer_class"));
        return named is not null ? s_same.GetValueOrDefault(named, named) : Text("model_type") is { } type ? s_ofModels.GetValueOrDefault(type) : null;

        string? Text(string property) => model?.Find(property) is { IsString: true } value ? value.Text() : null;
    }

    /// <summary>The fault of a class that a file is not read for.</summary>
    public static TokenizerException Unknown(string path, string name, params string[] known) => new(
        path, $"The file is that of a {name}, which has ids or a pipeline of its own; of this file only {string.Join(", ", known)} {(known.Length == 1 ? "is" : "are")} known here. Save the tokenizer with transformers as tokenizer.json, and load that.");

    private static string? Named(string? name)
    {
        if (name is null || s_general.Contains(name))
            return null;
        return name.EndsWith("Fast", StringComparison.Ordinal) ? name[..^"Fast".Length] : name;
    }
}
