using System.Buffers;

namespace PreTrain.Tests.Tokenization;

public class TextTokenizerTests
{
    [Fact]
    public void Decode_IntoATooSmallSpan_EndsAtACharacterAndCanGoOn()
    {
        const string Text = "Returns 🙂🙃 語语 the<|endoftext|>éя ok";
        int[] ids = BpeFixture.Tokenizer.Encode(Text);
        for (int size = 13; size <= Text.Length + 1; size++)
        {
            string whole = "";
            int from = 0;
            char[] buffer = new char[size];
            OperationStatus status;
            do
            {
                status = BpeFixture.Tokenizer.Decode(ids.Skip(from), buffer, out int consumed, out int written);
                Assert.True(consumed > 0);
                whole += new string(buffer, 0, written);
                from += consumed;
            }
            while (status == OperationStatus.DestinationTooSmall);

            Assert.Equal(OperationStatus.Done, status);
            Assert.Equal(Text, whole);
        }
    }

    [Fact]
    public void Decode_ListOfIds_IsThatOfTheSpan()
    {
        int[] ids = BpeFixture.Tokenizer.Encode("Returns 🙂");
        Assert.Equal("Returns 🙂", BpeFixture.Tokenizer.Decode(ids.ToList()));
        Assert.Equal("", BpeFixture.Tokenizer.Decode(Enumerable.Empty<int>()));
        Assert.Equal("", BpeFixture.Tokenizer.Decode([]));
        Assert.Throws<ArgumentNullException>(() => BpeFixture.Tokenizer.Decode((IEnumerable<int>)null!));
    }

    [Fact]
    public void Encode_IntoAList_AppendsToIt()
    {
        var ids = new List<int> { 7 };
        BpeFixture.Tokenizer.Encode("ab", ids);
        Assert.Equal([7, .. BpeFixture.Tokenizer.Encode("ab")], ids);
    }
}
