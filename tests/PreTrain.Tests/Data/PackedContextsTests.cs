using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class PackedContextsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(31, 1, 60)]
    [InlineData(64, 1, 300)]
    [InlineData(17, 11, 11)]    // whole documents fill 65 % at most
    [InlineData(101, 60, 70)]
    public void Pack_RandomDocuments_HoldsEveryPlaceOnceAndFills98Percent(int contextLength, int shortest, int longest)
    {
        var random = new Random(contextLength);
        using var store = Store(Enumerable.Range(0, 2003).Select(_ => random.Next(shortest, longest + 1)));

        var contexts = PackedContexts.Pack(store.All, new() { ContextLength = contextLength, Seed = 3 });

        Assert.True(contexts.Fill >= 0.98, $"Fill is {contexts.Fill}.");
        Assert.Equal(store.Count - store.DocumentCount, contexts.TokenCount);
        var seen = new HashSet<(long, long)>();
        long[] inputs = new long[contextLength], targets = new long[contextLength];
        long tokens = 0;
        for (var context = 0; context < contexts.Count; context++)
        {
            contexts.Read(context, inputs, targets);
            var at = 0;
            foreach (var length in contexts.SequenceLengths(context))
            {
                for (var i = at; i < at + length; i++)
                {
                    // Characters count on within a document, so that a target that is not the next token shows.
                    Assert.True(targets[i] == (inputs[i] + 1) % 1000 || targets[i] == store.EndOfTextId);
                    if (i > at)
                        Assert.Equal(targets[i - 1], inputs[i]);
                }
                at += length;
            }
            tokens += at;
            Assert.InRange(at, 1, contextLength);
            Assert.All(targets[at..], target => Assert.Equal(PackedContexts.IgnoredTarget, target));
            Assert.All(inputs[at..], input => Assert.Equal(store.EndOfTextId, input));
        }
        Assert.Equal(contexts.TokenCount, tokens);
    }

    [Theory]
    [InlineData(31, 1, 60)]
    [InlineData(64, 1, 300)]
    [InlineData(17, 10, 10)]    // with its end, a document is 11 of 17 places
    [InlineData(101, 60, 70)]
    public void Pack_Joined_IsOneTextWithTheEndOfTextBetweenDocuments(int contextLength, int shortest, int longest)
    {
        var random = new Random(contextLength);
        using var store = Store(Enumerable.Range(0, 2003).Select(_ => random.Next(shortest, longest + 1)));

        var contexts = PackedContexts.Pack(store.All, new() { ContextLength = contextLength, Seed = 3, JoinsDocuments = true });

        Assert.True(contexts.Fill >= 0.98, $"Fill is {contexts.Fill}.");
        long[] inputs = new long[contextLength], targets = new long[contextLength];
        long predicted = 0, joints = 0;
        for (var context = 0; context < contexts.Count; context++)
        {
            contexts.Read(context, inputs, targets);
            var filled = contexts.SequenceLengths(context).ToArray().Sum();
            for (var i = 0; i < filled; i++)
            {
                var isEnd = inputs[i] == store.EndOfTextId;
                if (i + 1 < filled)
                    Assert.Equal(inputs[i + 1], targets[i]);   // one text from the left to the right
                else if (isEnd)
                    Assert.Equal(PackedContexts.IgnoredTarget, targets[i]);
                if (isEnd)
                    joints += i + 1 < filled ? 1 : 0;
                else
                {
                    Assert.True(targets[i] == (inputs[i] + 1) % 1000 || targets[i] == store.EndOfTextId);
                    predicted++;
                }
            }
            var begins = inputs.AsSpan().IndexOfAnyExcept(store.EndOfTextId);
            for (var i = begins + 1; i < filled; i++)
                Assert.False(inputs[i] == store.EndOfTextId && inputs[i - 1] == store.EndOfTextId, "Two ends follow one another.");
            Assert.All(targets[filled..], target => Assert.Equal(PackedContexts.IgnoredTarget, target));
        }
        Assert.Equal(store.Count - store.DocumentCount, predicted);   // each token of each document is predicted from once
        Assert.InRange(joints, 1, store.DocumentCount - 1);
    }

    [Fact]
    public void Pack_JoinedPartOfAStore_EndsWithTheDocumentThatIsCutOff()
    {
        using var store = Store([5, 4, 6]);   // starts at 0, 6 and 11
        var contexts = PackedContexts.Pack(store.All.Slice(3, 11), new() { ContextLength = 100, JoinsDocuments = true });
        Assert.Equal(1, contexts.Count);
        int[] lengths = contexts.SequenceLengths(0).ToArray();
        Assert.Equal([3, 5], lengths[..2].Order());   // of tokens 3–5 and 6–10: all
        Assert.Equal(2, lengths[2]);                  // of 11–13: all but the last
    }

    [Fact]
    public void Pack_DocumentsThatFit_AreNotCut()
    {
        using var store = Store([5, 3, 7, 2, 8, 4, 6, 4, 1]);
        var contexts = PackedContexts.Pack(store.All, new() { ContextLength = 8 });
        Assert.Equal(5, contexts.Count);
        Assert.Equal(0, contexts.CutCount);
        Assert.Equal(1, contexts.Fill);
        Assert.Equal([1, 2, 3, 4, 4, 5, 6, 7, 8], Enumerable.Range(0, 5).SelectMany(c => contexts.SequenceLengths(c).ToArray()).Order());
    }

    [Fact]
    public void Pack_PartOfAStore_TakesThePartsOfDocumentsWithinIt()
    {
        using var store = Store([5, 4, 6]);   // starts at 0, 6 and 11
        var contexts = PackedContexts.Pack(store.All.Slice(3, 11), new() { ContextLength = 100 });
        Assert.Equal(1, contexts.Count);
        Assert.Equal([2, 2, 4], contexts.SequenceLengths(0).ToArray().Order());   // of tokens 3–5, 6–10 and 11–13: all but the last of each
    }

    [Fact]
    public void Pack_NothingToPredict_SaysSo()
    {
        using var store = Store([5]);
        Assert.StartsWith("The range of 1 tokens holds no two tokens of one document", Assert.Throws<CorpusException>(() => PackedContexts.Pack(store.All.Slice(2, 1))).Message);
    }

    private TokenStore Store(IEnumerable<int> lengths)
    {
        var random = new Random(7);
        var documents = lengths.Select(length =>
        {
            var first = random.Next(1000);
            return string.Concat(Enumerable.Range(0, length).Select(i => (char)((first + i) % 1000)));
        });
        return TokenStore.Build(documents.ToArray(), new CharTokenizer(1001), folder.File($"store{Guid.NewGuid():N}"));
    }
}
