using System.Globalization;
using System.IO.Compression;
using System.Text;
using PreTrain.Checkpoints;
using static TorchSharp.torch;

namespace PreTrain.Tests.Checkpoints;

/// <summary>Damaged files of PyTorch are a <see cref="CheckpointException"/>, or what is read agrees with itself and the file; nothing else happens.</summary>
public class PickleFuzzTests
{
    private static readonly int s_cases = SafetensorsFuzzTests.CasesOr(6_000);

    /// <summary>More than this is not read, only described: the bound on tensors that repeat their elements has a test of its own.</summary>
    private const long MaxReadBytes = 1 << 22;

    private static readonly byte[][] s_pieces =
    [
        .. new[]
        {
            "c__builtin__\neval\n", "cos\nsystem\n", "ccollections\nOrderedDict\n", "ctorch\nSize\n", "ctorch\nfloat32\n", "ctorch\nBFloat16Storage\n", "ctorch._utils\n_rebuild_tensor_v2\n",
            "ctorch._utils\n_rebuild_tensor_v3\n", "ctorch._utils\n_rebuild_parameter\n", "c_codecs\nencode\n", "c__builtin__\nset\n", "K\x01", "M\xff\xff", "J\xff\xff\xff\xff", "J\xff\xff\xff\x7f",
            "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "\x8b\xff\xff\xff\x7f", "X\xff\xff\xff\xff", "X\0\0\0\0", "X\x01\0\0\00", "\x8e\xff\xff\xff\xff\xff\xff\xff\xff", "q\x01", "h\x01", "h\x00",
            "r\x01\0\0\0", "j\x01\0\0\0", "\x85", "\x86", "\x87", "\x81", "\x92", "\x93", "\x94", "\x8f", "\x90", "\x91",
        }.Select(Encoding.Latin1.GetBytes),
        .. "(.012NRQbtlduase]})iog".Select(c => new[] { (byte)c }),
    ];

    [Fact]
    public void Open_MutatedPickles_FailWithACheckpointExceptionOrAgreeWithTheFile()
    {
        (byte[] Pickle, (string, byte[])[] Entries)[] seeds = [.. new[] { "torch-views.bin", "torch-plain.pt", "torch-protocol-4.pt", "torch-types.bin" }.Select(Unpack)];
        Run(20260102, random =>
        {
            var (pickle, entries) = seeds[random.Next(seeds.Length)];
            return PickleBytes.Zip(Mutate(pickle, random), entries);
        });
    }

    [Fact]
    public void Open_MutatedFiles_FailWithACheckpointExceptionOrAgreeWithTheFile()
    {
        byte[][] seeds = [.. new[] { "torch-views.bin", "torch-legacy.pt", "torch-plain.pt" }.Select(name => File.ReadAllBytes(SafetensorsBytes.Fixture(name)))];
        Run(20260103, random => Mutate(seeds[random.Next(seeds.Length)], random));
    }

    private static void Run(int seed, Func<Random, byte[]> next)
    {
        using var folder = new TemporaryFolder();
        var path = folder["mutated.bin"];
        var random = new Random(seed);
        using var writer = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        var accepted = 0;
        for (var i = 0; i < s_cases; i++)
        {
            var content = next(random);
            RandomAccess.Write(writer.SafeFileHandle, content, 0);
            writer.SetLength(content.Length);
            try
            {
                Check(path, content);
                accepted++;
            }
            catch (CheckpointException)
            {
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                Assert.Fail(string.Create(CultureInfo.InvariantCulture, $"Case {i} ({Convert.ToBase64String(content)}): {e}"));
            }
        }
        Assert.InRange(accepted, s_cases / 100, s_cases * 3 / 4);
    }

    private static void Check(string path, byte[] content)
    {
        using var scope = NewDisposeScope();
        using var file = PyTorchFile.Open(path);
        foreach (var name in file.Names)
        {
            var info = file.Info(name);
            Assert.InRange(info.Offset, 0, content.Length);
            Assert.All(info.Shape, length => Assert.InRange(length, 0, long.MaxValue));
            if (info.ByteCount > MaxReadBytes)
                continue;
            var tensor = file.Read(name);
            Assert.Equal(info.Shape, tensor.shape);
            Assert.Equal(info.DataType, tensor.dtype);
            if (file.RawCopy(name) is { } raw && raw.Type.IsDirect)
                Assert.Equal(content.AsSpan((int)info.Offset, (int)info.ByteCount), tensor.bytes);
            Assert.Equal(tensor.bytes, file.View(name).bytes);
        }
    }

    private static (byte[] Pickle, (string Name, byte[] Content)[] Entries) Unpack(string fixture)
    {
        using var zip = ZipFile.OpenRead(SafetensorsBytes.Fixture(fixture));
        var entries = zip.Entries.Select(entry =>
        {
            using var stream = entry.Open();
            using var content = new MemoryStream();
            stream.CopyTo(content);
            return (entry.FullName[(entry.FullName.IndexOf('/') + 1)..], content.ToArray());
        }).ToArray();
        return (entries.Single(e => e.Item1 == "data.pkl").Item2, [.. entries.Where(e => e.Item1 != "data.pkl")]);
    }

    private static byte[] Mutate(byte[] seed, Random random)
    {
        var bytes = seed.ToList();
        for (var edits = random.Next(1, 4); edits > 0 && bytes.Count > 0; edits--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(7))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 13), bytes.Count - at));
                    break;
                case 3 when random.Next(4) == 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 4:
                    bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, Math.Min(random.Next(1, 61), bytes.Count - at)));
                    break;
                case 5:
                    bytes.InsertRange(at, s_pieces[random.Next(s_pieces.Length)]);
                    break;
                default:
                    var piece = s_pieces[random.Next(s_pieces.Length)];
                    bytes.RemoveRange(at, Math.Min(piece.Length, bytes.Count - at));
                    bytes.InsertRange(at, piece);
                    break;
            }
        }
        return [.. bytes];
    }
}
