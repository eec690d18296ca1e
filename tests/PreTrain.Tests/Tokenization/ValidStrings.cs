using FsCheck;
using FsCheck.Fluent;

namespace PreTrain.Tests.Tokenization;

/// <summary>Generates strings of whole characters, with those often that scanners and encoders stumble over.</summary>
internal static class ValidStrings
{
    private static readonly string[] s_awkward =
        [" ", "  ", "\n", "\r\n", "\t", "'", "'s", "'ll", "\u00a0", "\u3000", "\u0085", "\0", "e\u0301", "👩‍👩‍👧", "🇩🇪", "𝒜", "𠀀", "𝟙", "½", "٣", "<|endoftext|>", "the", " Returns", "ab", "aaaaaaaaaaaaaaaaaaaaa"];

    private static readonly Gen<string> s_piece = Gen.Frequency(
        (4, Gen.Elements(s_awkward)),
        (4, Gen.Choose(0x20, 0x7e).Select(c => ((char)c).ToString())),
        (1, Gen.Choose(0, 0xd7ff).Select(char.ConvertFromUtf32)),
        (1, Gen.Choose(0xe000, 0x10ffff).Select(char.ConvertFromUtf32)));

    public static Arbitrary<string> Arbitrary { get; } = s_piece.ListOf().Select(string.Concat).ToArbitrary();
}
