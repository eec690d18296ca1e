using System.IO.Compression;
using System.Reflection;

namespace TorchSharp.Tests;

/// <summary>
/// The portable assemblies declare a subset of the packages' public members, and nothing else. The folder api holds the packages'
/// lists, one line per member.
/// </summary>
public sealed class PublicApiTests
{
    [Theory]
    [InlineData("TorchSharp", "TorchSharp-0.107.0")]
    [InlineData("Microsoft.ML.Tokenizers", "Microsoft.ML.Tokenizers-2.0")]
    public void EveryPublicMember_IsAMemberOfThePackage(string assembly, string list)
    {
        Package.Skip("the list leaves out what is none of torch");
        HashSet<string> package = ReadList(list);
        string[] foreign = [.. PublicApi.Lines(PathOf(assembly)).Where(line => !package.Contains(line))];

        Assert.True(foreign.Length == 0, $"{foreign.Length} public members of {assembly} are not those of {list}:\n" + string.Join('\n', foreign));
    }

    [Theory]
    [InlineData("TorchSharp", "TorchSharp.torch.Tensor :: long numel()")]
    [InlineData("TorchSharp", "TorchSharp.torch :: static TorchSharp.torch.Tensor tril_indices(long row, long col, long offset = 0, TorchSharp.torch.ScalarType dtype = 4, TorchSharp.torch.Device device = default)")]
    [InlineData("TorchSharp", "TorchSharp.Utils.TensorAccessor<T> :: T Item[params long[] indices] { get; set; }")]
    [InlineData("TorchSharp", "TorchSharp.torch.Storage<T> :: sealed class : TorchSharp.torch.Storage")]
    [InlineData("TorchSharp", "TorchSharp.torch.Size :: .ctor(System.ValueTuple<int, int> size)")]
    [InlineData("TorchSharp", "TorchSharp.torch.Tensor :: protected virtual void Dispose(bool disposing)")]
    public void Lines_OfSomeMembers_AreWritten(string assembly, string line) => Assert.Contains(line, PublicApi.Lines(PathOf(assembly)));

    private static string PathOf(string assembly) => Path.Combine(AppContext.BaseDirectory, assembly + ".dll");

    private static HashSet<string> ReadList(string name)
    {
        using Stream packed = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(new GZipStream(packed, CompressionMode.Decompress));
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }
}
