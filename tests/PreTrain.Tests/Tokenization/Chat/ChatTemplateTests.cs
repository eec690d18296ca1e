using System.Text.Json;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;

namespace PreTrain.Tests.Tokenization.Chat;

public sealed class ChatTemplateTests
{
    private static readonly ChatMessage[] s_two = [new("user", "Hi"), new("assistant", "Yes"), new("user", "So"), new("assistant", "No")];

    public static TheoryData<string> Templates => [.. ChatFixture.Json.RootElement.GetProperty("templates").EnumerateObject().Select(template => template.Name)];

    [Theory]
    [MemberData(nameof(Templates))]
    public void Render_TemplateOfAModel_IsWhatTransformersWrites(string name)
    {
        var template = new ChatTemplate(ChatFixture.Template(name), ChatFixture.Tokenizer);
        JsonElement[] cases = [.. ChatFixture.Json.RootElement.GetProperty("cases").EnumerateArray().Where(c => c.GetProperty("template").GetString() == name)];
        Assert.Equal(10, cases.Length);
        foreach (JsonElement expected in cases)
        {
            ChatMessage[] messages = ChatFixture.Conversation(expected.GetProperty("conversation").GetString()!);
            bool prompt = expected.GetProperty("add_generation_prompt").GetBoolean();
            if (expected.TryGetProperty("text", out JsonElement text)) Assert.Equal(text.GetString(), template.Render(messages, prompt));
            else Assert.Contains(expected.GetProperty("refusal").GetString()!, Assert.Throws<ArgumentException>(() => template.Render(messages, prompt)).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("chatml", "Yes<|im_end|>\n", "No<|im_end|>\n")]
    [InlineData("llama-2", " Yes </s>", " No </s>")]
    [InlineData("llama-3", "Yes<|eot_id|>", "No<|eot_id|>")]
    [InlineData("llama-3.2", "Yes<|eot_id|>", "No<|eot_id|>")]
    [InlineData("mistral", "Yes</s>", "No</s>")]
    [InlineData("gemma", "Yes<end_of_turn>\n", "No<end_of_turn>\n")]
    [InlineData("zephyr", "Yes</s>\n", "No</s>\n")]
    [InlineData("phi-3", "Yes<|end|>\n<", "No<|end|>\n</s>")]   // the next turn and the end of the text begin alike
    [InlineData("qwen-2.5", "Yes<|im_end|>\n", "No<|im_end|>\n")]
    [InlineData("generation-blocks", "Yes</a>", "No</a>")]
    public void RenderAnswers_TemplateOfAModel_FindsWhatTheModelSays(string name, params string[] expected)
    {
        ChatText text = new ChatTemplate(ChatFixture.Template(name), ChatFixture.Tokenizer).RenderAnswers(s_two);
        string[] actual = [.. text.Answers.Select(answer => text.Text[answer.Start..answer.End])];
        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData("chatml", "assistant<|im_end|>\n")]
    [InlineData("zephyr", "assistant</s>\n")]
    public void RenderAnswers_FirstMessageThatIsAnAnswer_BeginsBehindWhatAsksForIt(string name, string expected)
    {
        ChatText text = new ChatTemplate(ChatFixture.Template(name), ChatFixture.Tokenizer).RenderAnswers([new("assistant", "assistant"), new("user", "Hi")]);
        TokenSpan answer = Assert.Single(text.Answers);
        Assert.Equal(expected, text.Text[answer.Start..answer.End]);
    }

    [Fact]
    public void RenderAnswers_TemplateThatRewritesWhatWasSaid_SaysWhatToDo()
    {
        var template = new ChatTemplate("{% for m in messages %}{{ m.role }}{{ m.content if loop.last else 'gone' }}{% endfor %}", ChatFixture.Tokenizer);
        string message = Assert.Throws<ArgumentException>(() => template.RenderAnswers(s_two)).Message;
        Assert.Contains("message 2 of 4", message, StringComparison.Ordinal);
        Assert.Contains("{% generation %}", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("chatml", "<|im_end|>")]
    [InlineData("llama-2", "")]
    [InlineData("llama-3", "<|eot_id|>")]
    [InlineData("mistral", "")]
    [InlineData("gemma", "<end_of_turn>")]
    [InlineData("zephyr", "")]
    [InlineData("phi-3", "<|end|>")]
    [InlineData("qwen-2.5", "<|im_end|>")]
    [InlineData("generation-blocks", "</a>")]
    public void AnswerEnd_TemplateOfAModel_IsWhatStandsBehindAnAnswerBeforeTheEndOfText(string name, string expected) =>
        Assert.Equal(expected, new ChatTemplate(ChatFixture.Template(name), ChatFixture.Tokenizer).AnswerEnd);

    [Theory]
    [InlineData("{{ raise_exception('never') }}")]
    [InlineData("{% for m in messages %}{{ m.content }}\n\n{% endfor %}")]
    [InlineData("nothing")]
    public void AnswerEnd_NothingBehindAnAnswer_IsEmpty(string source) => Assert.Equal("", new ChatTemplate(source, ChatFixture.Tokenizer).AnswerEnd);

    [Fact]
    public void Encode_ChatMl_MarksTheTokensOfAnswersAndTheirEnds()
    {
        TextTokenizer tokenizer = ChatFixture.Tokenizer;
        ChatTokens tokens = new ChatTemplate(ChatTemplate.ChatMl, tokenizer).Encode(tokenizer, s_two);
        Assert.Equal(tokenizer.Encode("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes<|im_end|>\n<|im_start|>user\nSo<|im_end|>\n<|im_start|>assistant\nNo<|im_end|>\n".AsSpan()), tokens.Ids);
        int[] marked = [.. tokens.Ids.Where((_, i) => tokens.IsAnswer[i])];
        Assert.Equal("Yes<|im_end|>\nNo<|im_end|>\n", tokenizer.Decode(marked.AsSpan()));
    }

    [Fact]
    public void Encode_LettersOutsideOfAscii_CountsTheirPlacesAsTheTextDoes()
    {
        TextTokenizer tokenizer = ChatFixture.Tokenizer;
        ChatTokens tokens = new ChatTemplate(ChatTemplate.Zephyr, tokenizer).Encode(tokenizer, [new("user", "🙂 ü 你好"), new("assistant", "é🙂!")]);
        Assert.Equal("é🙂!</s>\n", tokenizer.Decode(tokens.Ids.Where((_, i) => tokens.IsAnswer[i]).ToArray().AsSpan()));
    }

    [Theory]
    [InlineData("{% include 'x' %}", 1, 4, "The tag 'include' is not known here; known are for, if, set, macro, generation, break and continue.")]
    [InlineData("a\n{{ 1 | frobnicate }}", 2, 8, "The filter 'frobnicate' is not known here")]
    [InlineData("{{ x is strange }}", 1, 9, "The test 'strange' is not known here")]
    [InlineData("{% for x in y %}", 1, 17, "'else' or 'endfor' is expected here, and not the end of the template.")]
    [InlineData("{% for x in y recursive %}{% endfor %}", 1, 15, "'recursive' is not known here.")]
    [InlineData("{{ 'open }}", 1, 4, "The text has no end, '.")]
    [InlineData("{{ 1 ", 1, 1, "The tag has no end, '}}'.")]
    [InlineData("{{ a b }}", 1, 6, "'}}' is expected here, and not 'b'.")]
    [InlineData("{{ $ }}", 1, 4, "The character '$' has no meaning in a tag.")]
    [InlineData("{% break %}", 1, 4, "'break' stands outside of a loop.")]
    [InlineData("{# never", 1, 1, "The comment has no end, '#}'.")]
    public void New_NotWhatIsKnown_SaysWhere(string source, int line, int column, string expected)
    {
        var fault = Assert.Throws<TokenizerException>(() => new ChatTemplate(source, ChatFixture.Tokenizer));
        Assert.Equal((line, column), (fault.Line, fault.Column));
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x\n {{ strftime_now('%Y') }}", 2, "'strftime_now' is not known here, and cannot be called.")]
    [InlineData("{{ messages + 1 }}", 1, "'+' is not for a list and a number.")]
    [InlineData("{{ nothing.at_all }}", 1, "'nothing' is undefined, and has no 'at_all'.")]
    [InlineData("{{ 1 // 0 }}", 1, "'//' by zero.")]
    [InlineData("{{ range(1000000) }}", 1, "has more than 100000 numbers.")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", 1, "The macro 'm' calls macros more than 64 deep.")]
    [InlineData("{{ none | length }}", 1, "None has no length.")]
    [InlineData("a\n{{ 'x' * 2000000000 }}", 2, "A text or list of 2000000000 characters or items is longer than 16777216.")]
    [InlineData("{{ 'xy' * 9223372036854775807 }}", 1, "is longer than 16777216.")]
    [InlineData("{% set ns = namespace(s='x') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", 1, "is longer than 16777216.")]
    [InlineData("{% set ns = namespace(s='x') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", 1, "is longer than 16777216.")]
    [InlineData("{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = ns.l + ns.l %}{% endfor %}", 1, "The template makes texts and lists of more than 268435456 characters.")]
    [InlineData("{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}", 1, "is longer than 16777216.")]
    [InlineData("{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}", 1, "is longer than 16777216.")]
    [InlineData("{% set ns = namespace(l=[1]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}", 1, "Values are nested too deeply.")]
    [InlineData("{{ ('x' * 9999) | replace('x', 'y' * 9999) }}", 1, "is longer than 16777216.")]
    [InlineData("{{ ('x' * 9999) | list | join('y' * 9999) }}", 1, "is longer than 16777216.")]
    [InlineData("{{ ('x' * 9999).join(range(9999)) }}", 1, "is longer than 16777216.")]
    [InlineData("{{ 'x' | indent(9223372036854775807, true) }}", 1, "is longer than 16777216.")]
    [InlineData("{{ [1] | tojson(indent=3000000000) }}", 1, "A text or list of 3000000000 characters or items is longer than 16777216.")]
    [InlineData("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", 1, "The template makes texts and lists of more than 268435456 characters.")]
    [InlineData("{% for i in range(99) %}{{ 'x' * 9999999 }}{% endfor %}", 1, "is longer than 16777216.")]
    [InlineData("{{ 9223372036854775807 + 1 }}", 1, "A number has more than 64 bits.")]
    [InlineData("{{ 10 ** 30 }}", 1, "A number has more than 64 bits.")]
    [InlineData("{{ (0 - 9223372036854775807 - 1) | abs }}", 1, "A number has more than 64 bits.")]
    [InlineData("{{ range(0 - 9223372036854775807, 9223372036854775807) }}", 1, "has more than 100000 numbers.")]
    [InlineData("{{ [1, 'a'] | sort }}", 1, "cannot be compared.")]
    public void Render_WhatCannotBeComputed_SaysWhere(string source, int line, string expected)
    {
        var fault = Assert.Throws<TokenizerException>(() => new ChatTemplate(source, ChatFixture.Tokenizer).Render(s_two));
        Assert.Equal(line, fault.Line);
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{{ 'a\nb' | indent(-1) }}", "a\nb")]
    [InlineData("{{ '' * 9223372036854775807 }}|{{ 'x' * -3 }}", "|")]
    [InlineData("{{ [1] | tojson(indent=-1) }}", "[\n1\n]")]
    [InlineData("{{ 'aXbX' | replace('X', '', 9223372036854775807) }}", "ab")]
    [InlineData("{{ 'a b'.split(' ', 9223372036854775807) }}", "['a', 'b']")]
    [InlineData("{{ 'abc'[::9223372036854775807] }}{{ 'abc'[::-9223372036854775807] }}", "ac")]
    [InlineData("{{ -7 // 2 }} {{ -7 % 2 }} {{ 7 // -2 }} {{ 7 % -2 }} {{ 6 // -2 }} {{ 9007199254740993 // 1 }}", "-4 1 -4 -1 -3 9007199254740993")]
    [InlineData("{{ range(9223372036854775806, 9223372036854775807, 5) }}{{ range(0, -1000000) }}", "[9223372036854775806][]")]
    public void Render_NumbersBeyondWhatIsThere_IsWhatPythonWrites(string source, string expected) =>
        Assert.Equal(expected, new ChatTemplate(source, ChatFixture.Tokenizer).Render(s_two));

    [Theory]
    [InlineData("", "1", " + 1")]
    [InlineData("", "1", " ~ 1")]
    [InlineData("", "x", ".y.z")]
    [InlineData("", "1", "|string")]
    [InlineData("1 if 0 else ", "1", "")]
    public void Render_NestedWithoutEnd_IsRefused(string before, string middle, string after)
    {
        string source = $"{{{{ {string.Concat(Enumerable.Repeat(before, 200_000))}{middle}{string.Concat(Enumerable.Repeat(after, 200_000))} }}}}";
        var fault = Assert.Throws<TokenizerException>(() => new ChatTemplate(source, ChatFixture.Tokenizer).Render(s_two));
        Assert.Contains("nested too deeply", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void New_ArgumentThatIsGivenTwice_IsRefused() =>
        Assert.Contains("'a' is given twice.", Assert.Throws<TokenizerException>(() => new ChatTemplate("{{ dict(a=1, a=2) }}", ChatFixture.Tokenizer)).Message, StringComparison.Ordinal);

    [Fact]
    public void Render_Variables_AreKnownToTheTemplate()
    {
        var template = new ChatTemplate("{{ date }}{{ flags.deep[1] }}{{ n + 1 }}", ChatFixture.Tokenizer);
        var variables = new Dictionary<string, object?> { ["date"] = "today", ["n"] = 4, ["flags"] = new Dictionary<string, object?> { ["deep"] = new object?[] { 1, true } } };
        Assert.Equal("todayTrue5", template.Render(s_two, variables: variables));
        Assert.Contains("'bad' is a DateTime", Assert.Throws<ArgumentException>(() => template.Render(s_two, variables: new Dictionary<string, object?> { ["bad"] = DateTime.UnixEpoch })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromFolder_EachFile_IsReadInTransformersOrder()
    {
        using var folder = new Checkpoints.TemporaryFolder();
        Directory.CreateDirectory(folder["m"]);
        ChatTemplate? Read() => ChatTemplate.FromFolder(folder["m"], ChatFixture.Tokenizer);
        void Write(string name, string text) => File.WriteAllText(Path.Combine(folder["m"], name), text);
        Assert.Null(Read());
        Write("tokenizer_config.json", """{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "a list"}]}""");
        Assert.Equal("a list", Read()!.Source);
        Write("tokenizer_config.json", """{"chat_template": "a member"}""");
        Assert.Equal("a member", Read()!.Source);
        new ChatTemplate("a\r\nfile", ChatFixture.Tokenizer).Save(folder["m"]);
        Assert.Equal("a\nfile", Read()!.Source);
        File.Delete(Path.Combine(folder["m"], ChatTemplate.FileName));
        Write("tokenizer_config.json", """{"chat_template": [{"name": "tool_use", "template": "t"}]}""");
        Assert.Contains("names the templates tool_use, and 'default' is not among them", Assert.Throws<TokenizerException>(Read).Message, StringComparison.Ordinal);
        Write("tokenizer_config.json", """{"chat_template": 3}""");
        Assert.Contains("chat_template (3) must be a text", Assert.Throws<TokenizerException>(Read).Message, StringComparison.Ordinal);
        Write(ChatTemplate.FileName, "{% bad %}");
        Assert.StartsWith(Path.Combine(folder["m"], ChatTemplate.FileName) + ", line 1, column 4: ", Assert.Throws<TokenizerException>(Read).Message, StringComparison.Ordinal);
    }
}
