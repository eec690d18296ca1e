using System.Text;
using System.Text.RegularExpressions;
using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class SdkDocumentationTests : IDisposable
{
    private const string Pack = "packs/Microsoft.NETCore.App.Ref";
    private const string AspNetPack = "packs/Microsoft.AspNetCore.App.Ref";

    private static readonly Lazy<List<string>> Installed = new(() => [.. new SdkDocumentation()]);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Enumerate_InstalledSdk_IsMoreThanTenMegabytesOfCleanText()
    {
        var documents = ReadInstalled();

        Assert.True(documents.Sum(text => (long)Encoding.UTF8.GetByteCount(text)) > 10_000_000);
        var markup = new Regex("""</?(see|seealso|paramref|typeparamref|summary|para|returns|remarks|exception|param|xref)\b|\b(cref|langword)=|&(lt|gt|amp|quot);|[MTPFE]:System\.""");
        var whiteSpace = new Regex("[\t\r\u00A0]| \n|\n\n\n|\n$\n");
        Assert.All(documents, text =>
        {
            Assert.DoesNotMatch(markup, text);
            Assert.DoesNotMatch(whiteSpace, text);
            Assert.EndsWith("\n", text);
        });
        Assert.Equal(documents.Count, documents.Distinct().Count());
    }

    [Fact]
    public void Enumerate_InstalledSdkAgain_IsTheSame()
    {
        var first = ReadInstalled();

        Assert.Equal(first, new SdkDocumentation());
    }

    [Fact]
    public void Members_InstalledSdk_AreUniqueAndKnowTheirPlace()
    {
        ReadInstalled();
        var members = new SdkDocumentation().Members.ToDictionary(member => member.Id);

        var add = members["M:System.Collections.Generic.Dictionary`2.Add(`0,`1)"];
        Assert.Equal(("System.Collections.Generic", "Dictionary<TKey, TValue>", "Add"), (add.Namespace, add.TypeName, add.Name));
        Assert.Equal("Add(TKey key, TValue value)", add.Signature);
        Assert.Equal(SdkMemberKind.Method, add.Kind);
        Assert.Equal(["key", "value"], add.Parameters.Select(parameter => parameter.Name));
        Assert.Contains("ArgumentNullException", add.Exceptions.Select(exception => exception.Name));
        var nested = members["T:System.Collections.Generic.Dictionary`2.KeyCollection"];
        Assert.Equal(("System.Collections.Generic", "Dictionary<TKey, TValue>.KeyCollection"), (nested.Namespace, nested.TypeName));
        var summary = members["P:System.Collections.BitArray.Length"].Summary;
        Assert.All(summary.Spans, span => Assert.InRange(span.Start + span.Length, 1, summary.Text.Length));
    }

    [Fact]
    public void Enumerate_AllElements_BecomeProse()
    {
        Write(Pack, "1.0.0", "A.xml", """
            <member name="T:N.Box`1">
              <summary>Holds a <typeparamref name="TItem"/>,
                 or <see langword="null" />. See <see cref="T:System.Collections.Generic.List`1" />, <see cref="M:N.Other.Do(System.Int32)"/>,
                 <see cref="P:N.Other.Name">its name</see> and <see href="https://example.org">this &lt;page&gt;</see>.</summary>
              <typeparam name="TItem">The item's type.</typeparam>
              <remarks><para>First.</para><para>Second with <c>a  b</c> and <b>bold</b>.</para>
                <list type="bullet"><item><description>one</description></item><item>two</item></list>
                <list type="table"><listheader><term>Value</term><description>Meaning</description></listheader>
                  <item><term>-1</term><description>less</description></item></list>
                <code>
                if (x)
                    y();
                </code></remarks>
            </member>
            <member name="M:N.Box`1.#ctor(`0,System.Collections.Generic.IDictionary{System.String,System.Nullable{System.Int32}}[],System.Int32[0:,0:]@)">
              <summary>Creates a box.</summary>
              <param name="item">The item, not
                 <see langword="null"/>.</param>
              <param name="map">The map.</param>
              <param name="grid">The grid.</param>
              <exception cref="T:System.ArgumentNullException"><paramref name="item" /> is <see langword="null" />.

             -or-

             <paramref name="map" /> is empty.</exception>
            </member>
            <member name="M:N.Box`1.Convert``1(System.Func{`0,``0})"><summary>Converts.</summary><typeparam name="TResult">R.</typeparam><param name="f">The function.</param><returns>The <paramref name="f"/> of it.</returns></member>
            <member name="M:N.Box`1.op_Explicit(N.Box{`0})~System.String"><summary>Unpacks.</summary><param name="box">It.</param></member>
            <member name="M:N.Box`1.System#Collections#Generic#IList{T}#Insert(System.Int32,`0)"><summary>Inserts.</summary></member>
            <member name="P:N.Box`1.Item(System.Int32)"><summary>Gets it.</summary><param name="index">Where.</param><value>The item.</value></member>
            <member name="F:N.Box`1.Undocumented" />
            """);

        Assert.Equal("""
            N.Box<TItem>
            Holds a TItem, or null. See List<T>, Other.Do, its name and this <page>.
            First.
            Second with a b and bold.
            - one
            - two
            -1: less
            if (x)
                y();
            TItem: The item's type.

            Box(TItem item, IDictionary<string, int?>[] map, ref int[,] grid)
            Creates a box.
            item: The item, not null.
            map: The map.
            grid: The grid.
            Throws ArgumentNullException: item is null.
            -or-
            map is empty.

            Convert<TResult>(Func<TItem, TResult> f)
            Converts.
            TResult: R.
            f: The function.
            Returns: The f of it.

            Explicit conversion(Box<TItem> box) to string
            Unpacks.
            box: It.

            IList.Insert(int, TItem)
            Inserts.

            Item[int index]
            Gets it.
            index: Where.
            Value: The item.

            """.ReplaceLineEndings("\n"), Assert.Single(new SdkDocumentation(folder.Path)));
    }

    [Fact]
    public void Enumerate_TypeWithoutDocumentation_StillHeadsItsMembers()
    {
        Write(Pack, "1.0.0", "A.xml", "<member name=\"T:N.A\" />" + Member("M:N.A.Do", "Does."));

        Assert.Equal(["N.A\n\nDo()\nDoes.\n"], new SdkDocumentation(folder.Path));
    }

    [Fact]
    public void Members_Spans_PointAtTheMarkedWords()
    {
        Write(Pack, "1.0.0", "A.xml", """
            <member name="M:N.A.B(System.Int32)"><summary> If <paramref name="x" /> is <see langword="true" />, a
              <see cref="T:System.String"/> like <c>"a  b"</c>.</summary></member>
            """);

        var member = Assert.Single(new SdkDocumentation(folder.Path).Members);

        Assert.Equal("If x is true, a String like \"a b\".", member.Summary.ToString());
        Assert.Equal(
            [("x", SdkSpanKind.Parameter, "x"), ("true", SdkSpanKind.Keyword, "true"), ("String", SdkSpanKind.Reference, "T:System.String"), ("\"a b\"", SdkSpanKind.Code, "\"a b\"")],
            member.Summary.Spans.Select(span => (member.Summary.Text.Substring(span.Start, span.Length), span.Kind, span.Target)));
        Assert.Equal(("N", "A", "B", SdkMemberKind.Method), (member.Namespace, member.TypeName, member.Name, member.Kind));
    }

    [Fact]
    public void Enumerate_SeveralVersionsAndPacks_TakesTheNewestAndDropsDuplicates()
    {
        Write(Pack, "9.0.10", "A.xml", Member("T:N.Old", "Old."));
        Write(Pack, "10.0.2-rc.1", "A.xml", Member("T:N.Preview", "Preview."));
        Write(Pack, "10.0.2", "A.xml", Member("T:N.A", "First.") + Member("M:N.A.M", "Method."));
        Write(AspNetPack, "10.0.2", "B.xml", Member("T:N.A", "Second.") + Member("T:N.B", "Other."));
        Write(AspNetPack, "10.0.2", "C.xml", Member("T:N.A", "First.") + Member("M:N.A.M", "Method."));

        var documents = new SdkDocumentation(folder.Path);

        Assert.Equal([folder.File($"{Pack}/10.0.2/ref/net10.0"), folder.File($"{AspNetPack}/10.0.2/ref/net10.0")], documents.Folders);
        Assert.Equal(["N.A\nFirst.\n\nM()\nMethod.\n", "N.B\nOther.\n"], documents.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Constructor_NoSdk_SaysWhatToDo()
    {
        var e = Assert.Throws<CorpusException>(() => new SdkDocumentation(folder.Path));

        Assert.Equal(
            $"The folder '{folder.Path}' holds no .NET reference documentation (packs/Microsoft.NETCore.App.Ref/*/ref/*/*.xml). "
            + "Pass the root of a .NET SDK, the folder of 'dotnet --info' that holds 'packs'.", e.Message);
    }

    [Fact]
    public void Enumerate_DamagedFile_NamesItAndTheLine()
    {
        Write(Pack, "1.0.0", "A.xml", Member("T:N.A", "First."));
        Write(Pack, "1.0.0", "B.xml", "\n<member name=\"T:N.B\"><summary>cut");

        var e = Assert.Throws<CorpusException>(() => new SdkDocumentation(folder.Path).Count());

        Assert.Equal(folder.File($"{Pack}/1.0.0/ref/net10.0/B.xml"), e.File);
        Assert.Contains("is damaged at line 2: ", e.Message);
    }

    private static List<string> ReadInstalled()
    {
        try
        {
            return Installed.Value;
        }
        catch (CorpusException e)
        {
            Assert.Skip(e.Message);
            throw;
        }
    }

    private static string Member(string id, string summary) => $"<member name=\"{id}\"><summary>{summary}</summary></member>";

    private void Write(string pack, string version, string name, string members) =>
        folder.Write($"{pack}/{version}/ref/net10.0/{name}", $"<doc><assembly><name>A</name></assembly><members>{members}</members></doc>");
}
