using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Text;

namespace PreTrain.Data;

/// <summary>
/// Tens of megabytes of English that every machine with the .NET SDK holds: the reference documentation of .NET and ASP.NET, one document for each type with
/// its members.
/// </summary>
/// <remarks>
/// <para>
/// The files are <c>packs/Microsoft.NETCore.App.Ref/*/ref/*/*.xml</c> and their <c>Microsoft.AspNetCore.App.Ref</c> siblings below the SDK's root, the newest
/// version of each. A member that several files document counts once. Types of the processor's instructions
/// (<c>System.Runtime.Intrinsics.X86</c>, <c>Arm</c> and <c>Wasm</c>) are no documents, since they are lists of opcodes; <see cref="Members"/> has them.
/// </para>
/// <para>
/// Documents come in the order of the SHA-256 of their type's name. It is the same everywhere, and as good as random, so that the end of the corpus, which
/// is held out for validation, is like the rest of it.
/// </para>
/// </remarks>
public sealed class SdkDocumentation : TextCorpus
{
    private static readonly string[] OpcodeNamespaces =
        ["System.Runtime.Intrinsics.X86", "System.Runtime.Intrinsics.Arm", "System.Runtime.Intrinsics.Wasm"];

    /// <summary>Finds the documentation.</summary>
    /// <param name="sdkRoot">
    /// The SDK's root, the folder that holds <c>packs</c>. Otherwise the first of these is taken that has it: DOTNET_ROOT, the running runtime's root, the
    /// folder of PATH's <c>dotnet</c>, and the usual places (/usr/share/dotnet, /usr/lib/dotnet, …).
    /// </param>
    /// <exception cref="CorpusException">There is no SDK with documentation.</exception>
    public SdkDocumentation(string? sdkRoot = null) => Folders = SdkLocator.Find(sdkRoot);

    /// <summary>The folders with the XML files that are read, one for each pack.</summary>
    public IReadOnlyList<string> Folders { get; }

    /// <summary>Reads all types and members, each once, in the order of the files' names and then of the files. Parsed anew for each enumeration.</summary>
    /// <exception cref="CorpusException">When enumerated: a file is damaged or cannot be read.</exception>
    public IEnumerable<SdkMember> Members => ReadFiles().SelectMany(members => members);

    /// <inheritdoc/>
    /// <exception cref="CorpusException">A file is damaged or cannot be read.</exception>
    public override IEnumerator<string> GetEnumerator()
    {
        var documents = new List<(UInt128 Order, string Text)>();
        foreach (var members in ReadFiles())
        {
            // A type comes before its members, whatever the file's order.
            var types = members.Where(IsProse).GroupBy(member => member.FullTypeName);
            foreach (var type in types)
            {
                var sections = type.OrderBy(member => member.Kind == SdkMemberKind.Type ? 0 : 1).Select(member => member.ToPlainText());
                if (type.All(member => member.Kind != SdkMemberKind.Type))
                    sections = sections.Prepend(type.Key + "\n");
                documents.Add((Order(type.Key), string.Join('\n', sections)));
            }
        }
        documents.Sort(static (a, b) => a.Order != b.Order ? a.Order.CompareTo(b.Order) : string.CompareOrdinal(a.Text, b.Text));
        foreach (var (_, text) in documents)
            yield return text;
    }

    /// <summary>Whether a member is documented in sentences. Names with "__" are a compiler's.</summary>
    internal static bool IsProse(SdkMember member) => !member.IsEmpty && !member.Id.Contains("__", StringComparison.Ordinal) && !OpcodeNamespaces.Contains(member.Namespace);

    private static UInt128 Order(string typeName) =>
        System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(typeName)));

    // Several threads parse; the order is that of the files.
    private IEnumerable<List<SdkMember>> ReadFiles()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (members, fault) in DistinctFiles().AsParallel().AsOrdered().Select(Parse))
        {
            fault?.Throw();
            members.RemoveAll(member => !seen.Add(member.Id));
            yield return members;
        }

        static (List<SdkMember> Members, ExceptionDispatchInfo? Fault) Parse((string Path, byte[] Content) file)
        {
            try
            {
                return (SdkXmlFile.Read(file.Path, file.Content), null);
            }
            catch (CorpusException e)
            {
                return ([], ExceptionDispatchInfo.Capture(e));
            }
        }
    }

    // ASP.NET's pack holds a copy of each of .NET's files.
    private List<(string Path, byte[] Content)> DistinctFiles()
    {
        var hashes = new HashSet<string>();
        var files = new List<(string, byte[])>();
        foreach (var path in Folders.SelectMany(folder => Directory.EnumerateFiles(folder, "*.xml").Order(StringComparer.Ordinal)))
        {
            byte[] content;
            try
            {
                content = File.ReadAllBytes(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw Utf8File.Unreadable(path, e);
            }
            if (hashes.Add(Convert.ToHexString(SHA256.HashData(content))))
                files.Add((path, content));
        }
        return files;
    }
}
