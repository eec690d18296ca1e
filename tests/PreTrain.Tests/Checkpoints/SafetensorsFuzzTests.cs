using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using PreTrain.Checkpoints;
using static TorchSharp.torch;

namespace PreTrain.Tests.Checkpoints;

public class SafetensorsFuzzTests
{
    /// <summary>Set to a number, the fuzz tests try as many cases each: <c>PRETRAIN_FUZZ_CASES=1000000 dotnet test --filter FuzzTests</c>.</summary>
    private const string Variable = "PRETRAIN_FUZZ_CASES";

    private static readonly int Cases = CasesOr(20_000);

    private static readonly string[] Pieces =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\\", " ", "\0", "-", "0", "1", "24", "-1", "NaN", "Infinity", "null", "true", "1e400", "0.5",
        "9223372036854775807", "18446744073709551615", "99999999999999999999", "\"F32\"", "\"BOOL\"", "\"F8_E5M2\"", "\"dtype\"", "\"shape\"",
        "\"data_offsets\"", "\"__metadata__\"", "\\ud800", "é", "[0,0]", "[2,3]", "{}", "[[[[[[[[",
    ];

    internal static int CasesOr(int fallback) => int.TryParse(Environment.GetEnvironmentVariable(Variable), out var cases) ? cases : fallback;

    /// <summary>A damaged file is a <see cref="CheckpointException"/>, or it says exactly what a plain JSON reader finds in it; nothing else happens.</summary>
    [Fact]
    public void Open_MutatedFiles_FailWithACheckpointExceptionOrReadRight()
    {
        using var folder = new TemporaryFolder();
        var path = folder["mutated.safetensors"];
        byte[][] seeds =
        [
            File.ReadAllBytes(SafetensorsBytes.Fixture("every-dtype.safetensors")),
            File.ReadAllBytes(SafetensorsBytes.Fixture("edge-cases.safetensors")),
            SafetensorsBytes.Of("""{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}""", 24),
        ];
        var random = new Random(20260101);
        using var writer = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        var accepted = 0;
        for (var i = 0; i < Cases; i++)
        {
            var content = Mutate(seeds[random.Next(seeds.Length)], random);
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
                Assert.Fail($"Case {i} ({Convert.ToHexString(content)}): {e}");
            }
        }
        Assert.InRange(accepted, Cases / 100, Cases / 2);
    }

    private static void Check(string path, byte[] content)
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(path);
        var headerBytes = (int)BinaryPrimitives.ReadUInt64LittleEndian(content);
        using var json = JsonDocument.Parse(content.AsMemory(8, headerBytes));
        long total = 0;
        foreach (var entry in json.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__"))
        {
            var info = file.Info(entry.Name);
            var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(n => n.GetInt64()).ToArray();
            var begin = entry.Value.GetProperty("data_offsets")[0].GetInt64();
            var end = entry.Value.GetProperty("data_offsets")[1].GetInt64();
            Assert.Equal(shape, info.Shape);
            Assert.Equal(8 + headerBytes + begin, info.Offset);
            Assert.Equal(end - begin, info.ByteCount);
            total += info.ByteCount;

            var tensor = file.Read(entry.Name);
            Assert.Equal(shape, tensor.shape);
            if (StoredType.ByName(info.StoredType)!.IsDirect)
                Assert.Equal(content.AsSpan((int)info.Offset, (int)info.ByteCount), tensor.bytes);
        }
        Assert.Equal(content.Length, 8 + headerBytes + total);
    }

    private static byte[] Mutate(byte[] seed, Random random)
    {
        var bytes = seed.ToList();
        var fixLength = random.Next(3) != 0;
        var headerEnd = 8 + (int)BinaryPrimitives.ReadUInt64LittleEndian(seed);
        for (var edits = random.Next(1, 4); edits > 0 && bytes.Count > 0; edits--)
        {
            // Two edits in three fall into the header, where the decisions are.
            var at = random.Next(random.Next(3) == 0 ? 0 : Math.Min(8, bytes.Count - 1), Math.Max(1, random.Next(3) == 0 ? bytes.Count : Math.Min(headerEnd, bytes.Count)));
            at = Math.Clamp(at, 0, bytes.Count - 1);
            var inHeader = at < headerEnd;
            switch (random.Next(7))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    Remove(at, random.Next(1, 13));
                    break;
                case 3:
                    Remove(at, bytes.Count - at);
                    break;
                case 4:
                    Insert(at, bytes.GetRange(at, Math.Min(random.Next(1, 61), bytes.Count - at)).ToArray());
                    break;
                case 5:
                    Insert(at, Encoding.UTF8.GetBytes(Pieces[random.Next(Pieces.Length)]));
                    break;
                default:
                    var piece = Encoding.UTF8.GetBytes(Pieces[random.Next(Pieces.Length)]);
                    Remove(at, piece.Length);
                    Insert(Math.Min(at, bytes.Count), piece);
                    break;
            }

            void Remove(int from, int count)
            {
                count = Math.Min(count, bytes.Count - from);
                bytes.RemoveRange(from, count);
                if (inHeader)
                    headerEnd = Math.Max(8, headerEnd - Math.Min(count, headerEnd - from));
            }

            void Insert(int from, byte[] added)
            {
                bytes.InsertRange(from, added);
                if (inHeader)
                    headerEnd += added.Length;
            }
        }
        var result = bytes.ToArray();
        if (fixLength && result.Length >= 8)
            BinaryPrimitives.WriteUInt64LittleEndian(result, (ulong)(headerEnd - 8));
        return result;
    }
}
