using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Tokenization.Json;

namespace PreTrain.Tokenization.Chat;

/// <summary>
/// How a model is shown a conversation: a template in the part of Jinja that models use, written as Hugging Face transformers' <c>apply_chat_template</c> writes it. Nothing of the machine
/// is seen by a template: neither files nor the clock, so that <c>strftime_now</c> is undefined, and templates that ask for it take a date of their own or need one as a variable.
/// A template may come with a downloaded model, and what it makes is bounded: to 2^24 characters in a text and 2^28 in all.
/// </summary>
public sealed class ChatTemplate
{
    /// <summary>The file of a template beside a model.</summary>
    public const string FileName = "chat_template.jinja";

    /// <summary>ChatML, for tokenizers with the tokens <c>&lt;|im_start|&gt;</c> and <c>&lt;|im_end|&gt;</c>.</summary>
    public const string ChatMl =
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

    /// <summary>Zephyr's, which needs no token but the one that ends a text: for models that have no template.</summary>
    public const string Zephyr =
        "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";

    /// <summary>A text, a line break, and its answer up to the token that ends a text: for models that were trained on nothing but pairs.</summary>
    public const string Plain =
        "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{{ eos_token if message['role'] == 'assistant' else '\n' }}{% endfor %}";

    private const int LongestRange = 100_000;

    private readonly string _file;
    private readonly Dictionary<string, object?> _tokens = [];
    private readonly TemplateStatement _write;
    private readonly bool _marksAnswers;
    private string? _answerEnd;

    /// <summary>Reads a template.</summary>
    /// <param name="source">The template.</param>
    /// <param name="tokenizer">The model's tokenizer, whose special tokens the template may name: <c>bos_token</c>, <c>eos_token</c> and so on.</param>
    /// <exception cref="TokenizerException">It is no template, or uses more of Jinja than is known here; the message says where.</exception>
    public ChatTemplate(string source, TextTokenizer tokenizer) : this(source, tokenizer, "The chat template")
    {
    }

    private ChatTemplate(string source, TextTokenizer tokenizer, string file)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(tokenizer);
        (Source, _file) = (TemplateLexer.Normalize(source), file);
        SpecialTokenIds special = tokenizer.SpecialTokens;
        foreach (var (role, id) in new[]
        {
            ("bos_token", special.BeginOfText), ("eos_token", special.EndOfText), ("unk_token", special.Unknown), ("sep_token", special.Separator), ("pad_token", special.Padding),
            ("cls_token", special.Classification), ("mask_token", special.Mask),
        })
        {
            if (id is { } known) _tokens[role] = tokenizer.IdToToken(known);
        }
        try
        {
            (_write, _marksAnswers) = TemplateParser.Parse(Source);
        }
        catch (TemplateException fault)
        {
            throw Located(fault);
        }
    }

    /// <summary>The template, with its line breaks as line feeds.</summary>
    public string Source { get; }

    /// <summary>SHA-256 of the template and the special tokens, in hexadecimal digits.</summary>
    public string Fingerprint =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', _tokens.OrderBy(token => token.Key, StringComparer.Ordinal).Select(token => $"{token.Key}={token.Value}").Prepend(Source)))));

    /// <summary>
    /// What stands behind every answer, without white space around it and up to the token that ends a text: the model learns to end with it, so it has to stop there. Empty where nothing but that token,
    /// or nothing at all, is written.
    /// </summary>
    public string AnswerEnd => _answerEnd ??= FindAnswerEnd();

    /// <summary>Reads the template of a model: <c>chat_template.jinja</c>, else <c>chat_template.json</c> or what <c>tokenizer_config.json</c> says, of several the one named <c>default</c>.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <returns>Null where the model has no template.</returns>
    /// <exception cref="TokenizerException">A file is broken, or its template uses more of Jinja than is known here.</exception>
    public static ChatTemplate? FromFolder(string folder, TextTokenizer tokenizer)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return Find(folder) is var (source, path) ? new ChatTemplate(source, tokenizer, path) : null;
    }

    /// <summary>Reads the text of a model's template from where <see cref="FromFolder"/> looks, whatever it uses of Jinja: for other programs.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <returns>Null where the model has no template.</returns>
    /// <exception cref="TokenizerException">A file is broken.</exception>
    public static string? ReadSource(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return Find(folder)?.Source;
    }

    /// <summary>Reads a file that holds a template and nothing else.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <exception cref="TokenizerException">It cannot be read, or uses more of Jinja than is known here.</exception>
    public static ChatTemplate FromFile(string path, TextTokenizer tokenizer)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path)) throw new TokenizerException(path, "There is no such file.");
        return new ChatTemplate(OfText(path), tokenizer, path);
    }

    /// <summary>Writes a conversation.</summary>
    /// <param name="messages">What was said, in order.</param>
    /// <param name="addGenerationPrompt">Whether what begins an answer of the model follows.</param>
    /// <param name="variables">Further values that the template knows: null, truth values, numbers, texts, lists and dictionaries of them.</param>
    /// <exception cref="ArgumentException">The template refuses the conversation, in its own words; or a variable is of another type.</exception>
    /// <exception cref="TokenizerException">The template computes something that cannot be.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = false, IReadOnlyDictionary<string, object?>? variables = null) =>
        Write(messages, addGenerationPrompt, variables).Text.ToString();

    /// <summary>
    /// Writes a conversation, and says which parts of it are the model's: what stands in the template's <c>generation</c> blocks, or, where it has none, what each answer adds to the
    /// conversation before it.
    /// </summary>
    /// <param name="messages">What was said, in order.</param>
    /// <param name="variables">Further values that the template knows.</param>
    /// <exception cref="ArgumentException">The template refuses the conversation, or writes the beginning of one in another way than when more follows.</exception>
    /// <exception cref="TokenizerException">The template computes something that cannot be.</exception>
    public ChatText RenderAnswers(IReadOnlyList<ChatMessage> messages, IReadOnlyDictionary<string, object?>? variables = null)
    {
        TemplateOutput output = Write(messages, addGenerationPrompt: false, variables);
        string whole = output.Text.ToString();
        if (_marksAnswers) return new(whole, [.. output.Answers.Where(answer => answer.End > answer.Start).Select(answer => new TokenSpan(answer.Start, answer.End))]);
        var answers = new List<TokenSpan>();
        for (int i = 0; i < messages.Count; i++)
        {
            if (messages[i].Role != ChatMessage.Assistant) continue;
            ChatMessage[] before = [.. messages.Take(i)], through = [.. messages.Take(i + 1)];
            string said = i + 1 == messages.Count ? whole : Render(through, false, variables);
            int start = i == 0 ? FirstAnswer(said, messages[i], variables) : said.AsSpan().CommonPrefixLength(Render(before, true, variables));
            int end = said.AsSpan().CommonPrefixLength(whole);
            if (start >= end || !whole.AsSpan(start, end - start).Contains(messages[i].Content.AsSpan().Trim(), StringComparison.Ordinal))
            {
                throw new ArgumentException($"{_file}: the answer in message {i + 1} of {messages.Count} cannot be told from the rest of the conversation: the template writes the beginning of a conversation "
                    + "otherwise when more follows. Put {% generation %} and {% endgeneration %} around what the model says.", nameof(messages));
            }
            answers.Add(new(start, end));
        }
        return new(whole, answers);
    }

    /// <summary>Where an answer begins that nothing was said before: where it is written otherwise when something else is said.</summary>
    private int FirstAnswer(string said, ChatMessage answer, IReadOnlyDictionary<string, object?>? variables)
    {
        string other = answer.Content.AsSpan().TrimStart().StartsWith("\uE000", StringComparison.Ordinal) ? "\uE001" : "\uE000";
        return said.AsSpan().CommonPrefixLength(Render([new(answer.Role, other)], false, variables));
    }

    private string FindAnswerEnd()
    {
        const string mark = "\uE000";
        ChatMessage question = new(ChatMessage.User, "?"), answer = new(ChatMessage.Assistant, mark);
        string? last = Behind(question, answer);
        if (last is null) return "";
        // Some templates end the last answer otherwise than one that more follows.
        string between = Behind(question, answer, question) ?? last;
        return last[..last.AsSpan().CommonPrefixLength(between)].Trim();

        string? Behind(params ChatMessage[] messages)
        {
            try
            {
                string text = Render(messages);
                int start = text.IndexOf(mark, StringComparison.Ordinal);
                if (start < 0) return null;
                string behind = text[(start + mark.Length)..];
                int end = _tokens.GetValueOrDefault("eos_token") is string stop ? behind.IndexOf(stop, StringComparison.Ordinal) : -1;
                return end < 0 ? behind : behind[..end];
            }
            catch (ArgumentException)
            {
                return null;   // a conversation that the template refuses
            }
        }
    }

    /// <summary>Encodes a conversation to learn from: a token is the model's to say where it lies within an answer.</summary>
    /// <param name="tokenizer">The model's tokenizer, of which no template but this one is used.</param>
    /// <param name="messages">What was said, in order.</param>
    /// <exception cref="ArgumentException">The template refuses the conversation.</exception>
    /// <exception cref="TokenizerException">The template computes something that cannot be.</exception>
    public ChatTokens Encode(TextTokenizer tokenizer, IReadOnlyList<ChatMessage> messages)
    {
        return RenderAnswers(messages).Encode(tokenizer);
    }

    /// <summary>Writes <c>chat_template.jinja</c> into a folder.</summary>
    /// <param name="folder">The folder of a model; created where it is missing.</param>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        Directory.CreateDirectory(folder);
        TokenizerFolder.WriteWhole(Path.Combine(folder, FileName), Encoding.UTF8.GetBytes(Source));
    }

    private TemplateOutput Write(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var scope = new TemplateScope
        {
            ["messages"] = messages.Select(message => (object?)Dictionary([new("role", message.Role), new("content", message.Content)])).ToList(),
            ["tools"] = null,
            ["documents"] = null,
            ["add_generation_prompt"] = addGenerationPrompt,
            ["raise_exception"] = (TemplateFunction)(a => throw new TemplateException(a.Take(1).Text(0, "message"), isRefusal: true)),
            ["namespace"] = (TemplateFunction)(a => new TemplateNamespace(new Dictionary<string, object?>(a.Take(0, [.. a.Names.Keys]).Names, StringComparer.Ordinal))),
            ["dict"] = (TemplateFunction)(a => Dictionary(a.Take(0, [.. a.Names.Keys]).Names)),
            ["range"] = (TemplateFunction)Range,
        };
        foreach (var (name, value) in _tokens) scope[name] = value;
        foreach (var (name, value) in variables ?? new Dictionary<string, object?>()) scope[name] = Value(name, value);
        var output = new TemplateOutput();
        try
        {
            _write(scope, output);
        }
        catch (TemplateException fault) when (fault.IsRefusal)
        {
            throw new ArgumentException($"{_file} refuses the conversation of {string.Join(", ", messages.Select(message => message.Role))}: {fault.Message}", nameof(messages), fault);
        }
        catch (TemplateException fault)
        {
            throw Located(fault);
        }
        return output;
    }

    private TokenizerException Located(TemplateException fault)
    {
        ReadOnlySpan<char> before = Source.AsSpan(0, Math.Min(fault.Offset ?? 0, Source.Length));
        return new TokenizerException(_file, before.Count('\n') + 1, before.Length - before.LastIndexOf('\n'), fault.Message, fault);
    }

    private static OrderedDictionary<string, object?> Dictionary(IEnumerable<KeyValuePair<string, object?>> pairs) => new(pairs, StringComparer.Ordinal);

    private static object? Value(string name, object? value) => value switch
    {
        null or bool or long or double or string => value,
        int n => (long)n,
        float f => (double)f,
        IReadOnlyDictionary<string, object?> map => Dictionary(map.Select(pair => KeyValuePair.Create(pair.Key, Value(name, pair.Value)))),
        IEnumerable<object?> list => list.Select(item => Value(name, item)).ToList(),
        _ => throw new ArgumentException($"The variable '{name}' is a {value.GetType().Name}; a template takes null, truth values, numbers, texts, lists and dictionaries of them.", "variables"),
    };

    private static object? Range(TemplateArguments arguments)
    {
        long first = arguments.Take(3).Whole(0, "start", 0), step = arguments.Whole(2, "step", 1);
        var (start, stop) = arguments.Count == 1 ? (0, first) : (first, arguments.Whole(1, "stop", 0));
        if (arguments.Count == 0 || step == 0) throw new TemplateException("range needs an end, and a step that is not 0.");
        Int128 span = (Int128)stop - start, stride = step;
        Int128 count = span > 0 == stride > 0 ? (Int128.Abs(span) + Int128.Abs(stride) - 1) / Int128.Abs(stride) : 0;
        if (count > LongestRange) throw new TemplateException($"range({start}, {stop}, {step}) has more than {LongestRange} numbers.");
        return Enumerable.Range(0, (int)count).Select(i => (object?)(start + i * step)).ToList();
    }

    /// <summary>A model's template and its file; null where it has none.</summary>
    private static (string Source, string Path)? Find(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (File.Exists(path)) return (OfText(path), path);
        foreach (string name in new[] { "chat_template.json", SettingsReader.ConfigurationFile })
        {
            path = Path.Combine(folder, name);
            if (File.Exists(path) && OfJson(path) is { } source) return (source, path);
        }
        return null;
    }

    private static string OfText(string path)
    {
        try
        {
            return TokenizerFile.StrictUtf8.GetString(TokenizerFile.ReadAll(path)).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException fault)
        {
            throw new TokenizerException(path, "It is not UTF-8.", fault);
        }
    }

    private static string? OfJson(string path)
    {
        JsonNode? template;
        try
        {
            template = (JsonNode.Parse(TokenizerFile.ReadAll(path)) as JsonObject)?["chat_template"];
        }
        catch (JsonException fault)
        {
            throw new TokenizerException(path, (fault.LineNumber ?? 0) + 1, (fault.BytePositionInLine ?? 0) + 1, "The JSON is broken.", fault);
        }
        if (template is null) return null;
        if (template is JsonValue one && one.TryGetValue(out string? source)) return source;
        if (template is JsonArray named)
        {
            Dictionary<string, string> all = [];
            foreach (JsonObject entry in named.OfType<JsonObject>())
                if (entry["name"] is JsonValue n && n.TryGetValue(out string? name) && entry["template"] is JsonValue t && t.TryGetValue(out string? text)) all[name] = text;
            return all.TryGetValue("default", out source) ? source : throw new TokenizerException(path, $"chat_template names the templates {string.Join(", ", all.Keys)}, and 'default' is not among them.");
        }
        throw new TokenizerException(path, $"chat_template ({template.ToJsonString()}) must be a text, or a list of names and templates.");
    }
}
