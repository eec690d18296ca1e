using System.Text;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class PipelinePropertyTests
{
    private static readonly string[] s_names = ["bert", "cased", "roberta", "llama3", "llama2", "t5", "words"];
    private static readonly Dictionary<string, PipelineTokenizer> s_tokenizers =
        s_names.ToDictionary(name => name, name => PipelineFixture.Load(PipelineFixture.Read(name).GetProperty("file").GetString()!));

    public static TheoryData<string> Names() => [.. s_names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Tokenize_AnyText_OffsetsSliceItAndIdsAreThoseOfEncode(string name)
    {
        PipelineTokenizer tokenizer = s_tokenizers[name];
        Prop.ForAll(ValidStrings.Arbitrary, text =>
        {
            TokenEncoding encoding = tokenizer.Tokenize(text, options: new() { AddSpecialTokens = false });
            bool slices = encoding.Offsets.ToArray().All(o => o.Start >= 0 && o.Start <= o.End && o.End <= text.Length
                && (o.Start == text.Length || !char.IsLowSurrogate(text[o.Start])) && (o.End == text.Length || !char.IsLowSurrogate(text[o.End])));
            return slices && tokenizer.Encode(text).SequenceEqual(encoding.Ids.ToArray()) && tokenizer.CountTokens(text) == encoding.Count;
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void StreamingDecoder_AnyText_PiecesAreTheWhole(string name)
    {
        PipelineTokenizer tokenizer = s_tokenizers[name];
        Prop.ForAll(ValidStrings.Arbitrary, text =>
        {
            int[] ids = tokenizer.Encode(text);
            var decoder = new StreamingDecoder(tokenizer);
            string pieces = string.Concat(ids.Select(decoder.Push)) + decoder.Flush();
            return pieces == tokenizer.Decode(ids);
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Tokenize_WindowsWithStride_CoverAllTokens(string name)
    {
        PipelineTokenizer tokenizer = s_tokenizers[name];
        Prop.ForAll(ValidStrings.Arbitrary, Gen.Choose(1, 9).ToArbitrary(), Gen.Choose(0, 8).ToArbitrary(), (text, length, stride) =>
        {
            int[] all = tokenizer.Encode(text);
            stride = Math.Min(stride, length - 1);
            // Cut on the right, each window begins a step after the one before; cut on the left, each ends a step before it.
            List<int[]> right = Windows(TextSide.Right), left = Windows(TextSide.Left);
            for (int i = 0; i < right.Count; i++)
            {
                int start = i * (length - stride), end = all.Length - i * (length - stride);
                if (!right[i].SequenceEqual(all[start..Math.Min(start + length, all.Length)]) || !left[i].SequenceEqual(all[Math.Max(0, end - length)..end]))
                    return false;
            }

            return left.Count == right.Count && right.Count == 1 + Math.Max(0, (all.Length - length + length - stride - 1) / (length - stride));

            List<int[]> Windows(TextSide side)
            {
                TokenEncoding first = tokenizer.Tokenize(text, options: new() { AddSpecialTokens = false, Truncation = new() { MaxLength = length, Stride = stride, Side = side } });
                return [first.Ids.ToArray(), .. first.Overflow.Select(window => window.Ids.ToArray())];
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void TokenizeBatch_AnyTexts_EqualsTheSingles()
    {
        PipelineTokenizer tokenizer = s_tokenizers["bert"];
        Prop.ForAll(ValidStrings.Arbitrary.Generator.ListOf().ToArbitrary(), texts =>
        {
            foreach (TextSide side in Enum.GetValues<TextSide>())
            {
                EncodingOptions options = new() { Padding = new() { Side = side, MultipleOf = 3, Id = 0 } };
                using TokenBatch batch = tokenizer.TokenizeBatch([.. texts], options: options);
                for (int row = 0; row < batch.RowCount; row++)
                {
                    TokenEncoding single = tokenizer.Tokenize(texts[row], options: options with { Padding = options.Padding! with { Strategy = PaddingStrategy.Fixed, Length = batch.Length } });
                    if (!Row(batch.Ids, row).SequenceEqual(Long(single.Ids)) || !Row(batch.AttentionMask, row).SequenceEqual(Long(single.AttentionMask))
                        || !Row(batch.TypeIds, row).SequenceEqual(Long(single.TypeIds)) || !Row(batch.SpecialTokensMask, row).SequenceEqual(Long(single.SpecialTokensMask)))
                    {
                        return false;
                    }
                }

                long[] Row(Memory<long> values, int row) => values.Slice(row * batch.Length, batch.Length).ToArray();
            }

            return true;
        }).QuickCheckThrowOnFailure();

        static IEnumerable<long> Long(ReadOnlySpan<int> values) => values.ToArray().Select(value => (long)value);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Load_MutatedFiles_AreRefusedClearlyOrEncode(string name)
    {
        byte[] file = Encoding.UTF8.GetBytes(PipelineFixture.Read(name).GetProperty("file").GetString()!);
        int components = Encoding.UTF8.GetString(file).IndexOf("\"vocab\"", StringComparison.Ordinal);
        ulong state = 17;
        using var folder = new TemporaryFolder();
        for (int i = 0; i < 150; i++)
        {
            byte[] mutated = [.. file];
            for (int change = Next(3); change >= 0; change--)
            {
                // Mostly in the components, which are a small part of the file.
                int at = Next(Next(4) == 0 ? mutated.Length : components);
                mutated = Next(3) switch
                {
                    0 => [.. mutated[..at], .. mutated[(at + Next(Math.Min(9, mutated.Length - at)))..]],
                    1 => [.. mutated[..at], (byte)"0129aeXn\"{}[],:-"[Next(16)], .. mutated[at..]],
                    _ => [.. mutated[..at], (byte)Next(128), .. mutated[(at + 1)..]],
                };
            }

            File.WriteAllBytes(folder.File("tokenizer.json"), mutated);
            try
            {
                TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
                int[] ids = tokenizer.Tokenize("Hello, wörld 12 [MASK]漢").Ids.ToArray();
                tokenizer.Decode(ids);
            }
            catch (Exception fault) when (fault is TokenizerException or ArgumentException or InvalidOperationException)
            {
                Assert.NotEmpty(fault.Message);
            }
        }

        int Next(int below)
        {
            state = state * 6364136223846793005 + 1442695040888963407;
            return (int)((state >> 33) % (ulong)below);
        }
    }

    [Fact]
    public void Load_RandomBytes_AreRefused()
    {
        using var folder = new TemporaryFolder();
        ulong state = 5;
        for (int i = 0; i < 200; i++)
        {
            byte[] bytes = new byte[i];
            for (int k = 0; k < i; k++)
            {
                state = state * 6364136223846793005 + 1442695040888963407;
                bytes[k] = (byte)(state >> 40);
            }

            File.WriteAllBytes(folder.File("tokenizer.json"), bytes);
            Assert.Throws<TokenizerException>(() => TextTokenizer.Load(folder.Path));
        }
    }
}
