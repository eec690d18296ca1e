using System.Text;
using PreTrain.Checkpoints;
using PreTrain.Checkpoints.Gguf;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Checkpoints.Gguf;

public class GgufFileTests
{
    private static readonly (string, object)[] s_metadata =
    [
        ("general.architecture", "gpt2"), ("a.number", 7u), ("a.negative", -3), ("a.large", 1UL << 40), ("a.fraction", 0.5f), ("a.truth", true), ("texts", new[] { "ä", "", "b c" }),
        ("numbers", new[] { 1, -2, 3 }), ("fractions", Enumerable.Range(0, 11).Select(i => i / 4f).ToArray()),
    ];

    [Fact]
    public void Read_WrittenFile_GivesEverythingBack()
    {
        using var folder = new TemporaryFolder();
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(3);
        Tensor plain = randn([3, 5], generator: generator), half = randn([2, 7], generator: generator), wide = randn([3, 512], generator: generator);
        GgufWriter.Write(folder["a.gguf"], s_metadata,
        [
            new("plain", GgmlType.F32, [3, 5], () => plain.alias()), new("half", GgmlType.F16, [2, 7], () => half.alias()), new("vector", GgmlType.F32, [7], () => half[0].clone()),
            new("q8", GgmlType.Q80, [3, 512], () => wide.alias()), new("q6", GgmlType.Q6K, [3, 512], () => wide.alias()), new("turned", GgmlType.F32, [5, 3], () => plain.t()),
        ]);

        using GgufFile file = GgufFile.Open(folder["a.gguf"]);
        Assert.Equal(s_metadata.Select(entry => entry.Item1), file.Values.Keys);
        Assert.Equal(["ä", "", "b c"], (object[])file.Values["texts"]);
        Assert.Equal((7u, -3, 1UL << 40, 0.5f, true), (file.Values["a.number"], file.Values["a.negative"], file.Values["a.large"], file.Values["a.fraction"], file.Values["a.truth"]));
        Assert.Equal("[0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, … 11 values]", file.Metadata["fractions"]);
        Assert.Equal(["plain", "half", "vector", "q8", "q6", "turned"], file.Names);
        Assert.All(file.Names, name => Assert.Equal(0, file.Info(name).Offset % 32));
        Assert.Equal(("Q8_0", ScalarType.Float32, 3 * 16 * 34L), (file.Info("q8").StoredType, file.Info("q8").DataType, file.Info("q8").ByteCount));
        Assert.True(file.Read("plain").equal(plain).all().item<bool>());
        Assert.True(file.Read("turned").equal(plain.t()).all().item<bool>());
        Assert.True(file.Read("half").equal(half.to(ScalarType.Float16)).all().item<bool>());
        Assert.InRange((file.Read("q8") - wide).pow(2).mean().sqrt().item<float>(), 0.002, 0.012);
        Assert.InRange((file.Read("q6") - wide).pow(2).mean().sqrt().item<float>(), 0.005, 0.03);
        Tensor other = empty([512, 3], dtype: ScalarType.BFloat16).t();
        file.ReadInto("q8", other);
        Assert.True(other.equal(file.Read("q8").to(ScalarType.BFloat16)).all().item<bool>());
        Assert.Throws<CheckpointException>(() => file.ReadInto("q8", plain));
        Assert.Contains("no tensor of this name", Assert.Throws<CheckpointException>(() => file.Read("nothing")).Message);
    }

    [Fact]
    public void Convert_GgufFile_GivesTheNumbersAsSafetensors()
    {
        using var folder = new TemporaryFolder();
        using DisposeScope scope = NewDisposeScope();
        Tensor wide = randn([3, 64]);
        GgufWriter.Write(folder["a.gguf"], s_metadata, [new("q4", GgmlType.Q40, [3, 64], () => wide.alias()), new("plain", GgmlType.F32, [3, 64], () => wide.alias())]);

        CheckpointConverter.Convert(folder["a.gguf"], folder["a.safetensors"], cancellationToken: TestContext.Current.CancellationToken);

        using CheckpointTensors before = CheckpointTensors.Open(folder["a.gguf"]), after = CheckpointTensors.Open(folder["a.safetensors"]);
        Assert.Equal(CheckpointFormat.Gguf, before.Format);
        Assert.All(before.Names, name => Assert.True(before.Read(name).equal(after.Read(name)).all().item<bool>()));
        Assert.Equal("F32", after.Info("q4").StoredType);
        Assert.Contains("export the model", Assert.Throws<ArgumentException>(() => CheckpointConverter.Convert(folder["a.safetensors"], folder["b.gguf"], cancellationToken: TestContext.Current.CancellationToken)).Message);
    }

    [Fact]
    public void Open_CutOrChangedFile_FailsWithACheckpointExceptionOrReads()
    {
        using var folder = new TemporaryFolder();
        GgufWriter.Write(folder["a.gguf"], s_metadata, [new("w", GgmlType.Q40, [3, 32], () => ones([3, 32])), new("v", GgmlType.F32, [5], () => ones([5]))]);
        byte[] whole = File.ReadAllBytes(folder["a.gguf"]);
        // The last tensor's padding may be missing.
        for (int length = 0; length < whole.Length - 12; length += 3)
        {
            File.WriteAllBytes(folder["b.gguf"], whole[..length]);
            Assert.Throws<CheckpointException>(() => GgufFile.Open(folder["b.gguf"]).Dispose());
        }
        var random = new Random(7);
        int refused = 0;
        for (int i = 0; i < 1500; i++)
        {
            byte[] changed = [.. whole];
            for (int n = random.Next(1, 4); n > 0; n--) changed[random.Next(changed.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(folder["b.gguf"], changed);
            try
            {
                using GgufFile file = GgufFile.Open(folder["b.gguf"]);
                foreach (string name in file.Names) file.Read(name).Dispose();
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 100, 1400);
    }

    [Theory]
    [InlineData("GGUX", "does not begin with the letters GGUF")]
    [InlineData("GGUF\u0009\0\0\0", "its version is 9")]
    [InlineData("GGUF\0\0\0\u0003", "big-endian")]
    public void Open_OtherFile_SaysWhy(string begin, string message)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["a.gguf"], [.. Encoding.Latin1.GetBytes(begin), .. new byte[40]]);
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => GgufFile.Open(folder["a.gguf"])).Message);
    }

    [Fact]
    public void Write_WrongTensors_SayWhy()
    {
        using var folder = new TemporaryFolder();
        Contains("must have at most 63 bytes", new GgufTensor(new string('n', 64), GgmlType.F32, [2], () => ones([2])));
        Contains("the last one a multiple of 256", new GgufTensor("w", GgmlType.Q4K, [2, 128], () => ones([2, 128])));
        Contains("not finite", new GgufTensor("w", GgmlType.F32, [2], () => full([2], double.NaN)));
        Contains("values up to 70000", new GgufTensor("w", GgmlType.F16, [2, 2], () => full([2, 2], 70000f)));
        Contains("appears twice", new GgufTensor("w", GgmlType.F32, [2], () => ones([2])), new GgufTensor("w", GgmlType.F32, [2], () => ones([2])));
        Assert.Empty(folder.Entries);

        void Contains(string message, params GgufTensor[] tensors) => Assert.Contains(message, Assert.Throws<ArgumentException>(() => GgufWriter.Write(folder["a.gguf"], [], tensors)).Message);
    }
}
