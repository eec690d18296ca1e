using System.Text;
using PreTrain.Checkpoints;
using static TorchSharp.torch;

namespace PreTrain.Tests.Checkpoints;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Read_EveryTypeOfTheReferenceImplementation_GivesItsValues()
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("every-dtype.safetensors"));

        Assert.Equal(["i64", "f64", "f32", "i32", "bf16", "f16", "i16", "i8", "u8", "bool"], file.Names);
        Assert.Empty(file.Metadata);
        long[] whole = [0, 1, 127, 7, 100, 3];
        Check("f64", ScalarType.Float64, [0.5, -1.25, 3.0, 65504.0, -0.0, (double)1e-3f]);
        Check("f32", ScalarType.Float32, [0.5, -1.25, 3.0, 65504.0, -0.0, (double)1e-3f]);
        Check("f16", ScalarType.Float16, [0.5, -1.25, 3.0, 65504.0, -0.0, (double)(Half)1e-3f]);
        Check("bf16", ScalarType.BFloat16, [0.5, -1.25, 3.0, 65536.0, -0.0, 0.00099945068359375]);
        Check("i64", ScalarType.Int64, whole.Select(x => (double)(x - (1L << 40))).ToArray());
        Check("i32", ScalarType.Int32, whole.Select(x => (double)(x - (1L << 30))).ToArray());
        Check("i16", ScalarType.Int16, whole.Select(x => (double)(x - (1L << 14))).ToArray());
        Check("i8", ScalarType.Int8, whole.Select(x => (double)(x - 100)).ToArray());
        Check("u8", ScalarType.Byte, whole.Select(x => (double)(x + 128)).ToArray());
        Check("bool", ScalarType.Bool, whole.Select(x => (double)(x % 2)).ToArray());

        void Check(string name, ScalarType type, double[] expected)
        {
            using var scope = NewDisposeScope();
            var tensor = file.Read(name);
            Assert.Equal(type, tensor.dtype);
            Assert.Equal([2, 3], tensor.shape);
            Assert.Equal(expected, tensor.to(ScalarType.Float64).data<double>().ToArray());
        }
    }

    [Fact]
    public void Open_EdgeCasesOfTheReferenceImplementation_GivesNamesShapesAndMetadata()
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("edge-cases.safetensors"));

        Assert.Equal("pt", file.Metadata["format"]);
        Assert.StartsWith("torch ", file.Metadata["versions"]);
        Assert.Equal(["empty", "layer.0.weight", "number", "with \"quotes\" \\ and \n newline", "größe/平均/🙂"], file.Names);
        Assert.Equal([3, 0, 2], file.Info("empty").Shape);
        Assert.Empty(file.Info("number").Shape);
        using var scope = NewDisposeScope();
        Assert.Equal(2.5f, file.Read("number").item<float>());
        Assert.Equal([3L, 0, 2], file.Read("empty").shape);
        Assert.Equal(Enumerable.Range(0, 35).Select(i => (float)i), file.Read("layer.0.weight").data<float>().ToArray());
        Assert.Equal([true, false, true], file.Read("größe/平均/🙂").data<bool>().ToArray());
    }

    /// <summary>All 256 codes of each 8-bit float, and the unsigned whole numbers, as PyTorch converts them.</summary>
    [Theory]
    [InlineData("float8_e4m3fn", "F8_E4M3", ScalarType.BFloat16)]
    [InlineData("float8_e5m2", "F8_E5M2", ScalarType.BFloat16)]
    [InlineData("float8_e8m0fnu", "F8_E8M0", ScalarType.BFloat16)]
    [InlineData("float8_e4m3fnuz", "F8_E4M3FNUZ", ScalarType.BFloat16)]
    [InlineData("float8_e5m2fnuz", "F8_E5M2FNUZ", ScalarType.BFloat16)]
    [InlineData("uint16", "U16", ScalarType.Int32)]
    [InlineData("uint32", "U32", ScalarType.Int64)]
    [InlineData("uint64", "U64", ScalarType.Int64)]
    public void Read_TypesThatTorchLacks_AreWidenedExactly(string name, string stored, ScalarType type)
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("narrow-types.safetensors"));
        using var scope = NewDisposeScope();

        var tensor = file.Read(name);
        var target = zeros(file.Info(name).Shape.ToArray(), dtype: ScalarType.Float64);
        file.ReadInto(name, target);

        var expected = file.Read(name + ".values");
        Assert.Equal((stored, type, type), (file.Info(name).StoredType, file.Info(name).DataType, tensor.dtype));
        Assert.Equal(expected.shape, tensor.shape);
        Assert.Equal(expected.to(ScalarType.Float64).data<double>().ToArray(), tensor.to(ScalarType.Float64).data<double>().ToArray());
        Assert.Equal(expected.to(ScalarType.Float64).data<double>().ToArray(), target.data<double>().ToArray());
    }

    [Fact]
    public void Read_ComplexNumbers_GivesThem()
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("narrow-types.safetensors"));
        using var scope = NewDisposeScope();

        var tensor = file.Read("complex64");

        Assert.Equal([1f, 2, -0.5f, -0.25f], view_as_real(tensor).data<float>().ToArray());
    }

    [Fact]
    public void Read_UnsignedBeyondSigned_SaysWhich()
    {
        var path = Save(SafetensorsBytes.Of(Encoding.UTF8.GetBytes("""{"w":{"dtype":"U64","shape":[2],"data_offsets":[0,16]}}"""),
            [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 128]));
        using var file = SafetensorsFile.Open(path);

        var e = Assert.Throws<CheckpointException>(() => file.Read("w"));

        Assert.Equal($"{path}: tensor 'w': element 1 is 9223372036854775809: a U64 is read as Int64, which ends at 9223372036854775807.", e.Message);
    }

    [Fact]
    public void View_EveryType_HasTheValuesOfRead()
    {
        using var scope = NewDisposeScope();
        foreach (var fixture in new[] { "every-dtype.safetensors", "edge-cases.safetensors", "narrow-types.safetensors" })
        {
            using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture(fixture));
            foreach (var name in file.Names)
            {
                var (read, view) = (file.Read(name), file.View(name));
                Assert.Equal(read.dtype, view.dtype);
                Assert.Equal(read.shape, view.shape);
                Assert.True(view.is_contiguous());
                Assert.Equal(read.bytes, view.bytes);
            }
        }
    }

    [Fact]
    public void View_WrittenTo_LeavesTheFileAndSurvivesIt()
    {
        var path = folder["w.safetensors"];
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(path, [("w", arange(6, dtype: ScalarType.Float32).view(2, 3))]);
        var before = File.ReadAllBytes(path);
        Tensor view;
        using (var file = SafetensorsFile.Open(path))
        {
            File.Delete(path);   // what is open is mapped, not what has the name now
            view = file.View("w");
        }

        view.add_(10);

        Assert.Equal([10f, 11, 12, 13, 14, 15], view.data<float>().ToArray());
        File.WriteAllBytes(path, before);
        using var again = SafetensorsFile.Open(path);
        Assert.Equal([0f, 1, 2, 3, 4, 5], again.View("w").data<float>().ToArray());
    }

    [Fact]
    public void View_BooleanThatIsNeither_IsRefused()
    {
        var path = Save(SafetensorsBytes.Of(Encoding.UTF8.GetBytes("""{"w":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}"""), [0, 1, 2]));
        using var file = SafetensorsFile.Open(path);

        var e = Assert.Throws<CheckpointException>(() => file.View("w"));

        Assert.EndsWith("tensor 'w': element 2 is 2, and a BOOL is 0 or 1. The file is damaged.", e.Message);
    }

    [Fact]
    public void ReadInto_TransposedTarget_FillsIt()
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("edge-cases.safetensors"));
        using var scope = NewDisposeScope();
        var target = zeros(7, 5);

        file.ReadInto("layer.0.weight", target.t());

        Assert.Equal(Enumerable.Range(0, 35).Select(i => (float)(i % 5 * 7 + i / 5)), target.data<float>().ToArray());
    }

    [Fact]
    public void Bytes_OfATensor_AreThoseInTheFile()
    {
        var path = SafetensorsBytes.Fixture("every-dtype.safetensors");
        using var file = SafetensorsFile.Open(path);
        var all = File.ReadAllBytes(path);

        foreach (var name in file.Names)
        {
            var info = file.Info(name);
            Assert.Equal(all.AsSpan((int)info.Offset, (int)info.ByteCount), file.Bytes(name));
        }
    }

    [Fact]
    public void Bytes_OfAnEmptyTensor_AreNone()
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("edge-cases.safetensors"));

        Assert.True(file.Bytes("empty").IsEmpty);
    }

    [Fact]
    public void Open_OnlyAnEmptyHeader_HasNoTensors()
    {
        using var file = SafetensorsFile.Open(Save(SafetensorsBytes.Of("{} ")));

        Assert.Empty(file.Names);
    }

    [Fact]
    public void ReadInto_SameTypeAndShape_FillsTheTensorsOwnMemory()
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("edge-cases.safetensors"));
        using var scope = NewDisposeScope();
        var whole = zeros(7, 5, 7);
        whole.requires_grad = true;

        using (no_grad())
            file.ReadInto("layer.0.weight", whole[3]);

        Assert.Equal(34 * 35 / 2f, whole.detach().sum().item<float>());
        Assert.Equal(34f, whole.detach()[3, 4, 6].item<float>());
    }

    [Fact]
    public void ReadInto_AnotherType_Converts()
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("edge-cases.safetensors"));
        using var scope = NewDisposeScope();
        var target = zeros(5, 7, dtype: ScalarType.BFloat16);

        file.ReadInto("layer.0.weight", target);

        Assert.Equal(Enumerable.Range(0, 35).Select(i => (float)i), target.to(ScalarType.Float32).data<float>().ToArray());
    }

    [Fact]
    public void ReadInto_ATransposedView_WritesInItsOrder()
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("edge-cases.safetensors"));
        using var scope = NewDisposeScope();
        var target = zeros(7, 5);

        file.ReadInto("layer.0.weight", target.t());

        Assert.Equal(8f, target[1, 1].item<float>());
        Assert.Equal(33f, target[5, 4].item<float>());
    }

    [Fact]
    public void ReadInto_AParameterThatRequiresGrad_LeavesItALeaf()
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("edge-cases.safetensors"));
        using var scope = NewDisposeScope();
        var target = zeros(5, 7, dtype: ScalarType.Float64).requires_grad_();

        file.ReadInto("layer.0.weight", target);

        Assert.True(target.is_leaf);
        Assert.Equal(34.0, target.detach()[4, 6].item<double>());
    }

    [Fact]
    public void ReadInto_AnotherShape_NamesFileTensorAndBothShapes()
    {
        var path = SafetensorsBytes.Fixture("edge-cases.safetensors");
        using var file = SafetensorsFile.Open(path);
        using var target = zeros(7, 5);

        var e = Assert.Throws<CheckpointException>(() => file.ReadInto("layer.0.weight", target));

        Assert.Equal($"{path}: tensor 'layer.0.weight': the file has the shape [5, 7], and [7, 5] is wanted. "
            + "Is the model's configuration that of this checkpoint?", e.Message);
        Assert.Equal(path, e.File);
        Assert.Equal("layer.0.weight", e.Tensor);
        Assert.Equal([5, 7], e.StoredShape);
        Assert.Equal([7, 5], e.WantedShape);
    }

    [Fact]
    public void Info_UnknownName_SaysWhatThereIs()
    {
        var path = SafetensorsBytes.Fixture("every-dtype.safetensors");
        using var file = SafetensorsFile.Open(path);

        var e = Assert.Throws<CheckpointException>(() => file.Info("f33"));

        Assert.Equal($"{path}: tensor 'f33': the file has no tensor of this name. It has 10: i64, f64, f32, i32, ….", e.Message);
        Assert.False(file.Contains("f33"));
        Assert.True(file.Contains("f32"));
    }

    [Fact]
    public void Read_AfterDispose_IsRefused()
    {
        var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("every-dtype.safetensors"));
        _ = file.Bytes("f32");
        file.Dispose();

        Assert.Throws<ObjectDisposedException>(() => file.Read("f32"));
        Assert.Throws<ObjectDisposedException>(() => { file.Bytes("f32"); });
    }

    [Fact]
    public void Read_FileTruncatedWhileOpen_NamesTheTensor()
    {
        var path = Save(File.ReadAllBytes(SafetensorsBytes.Fixture("every-dtype.safetensors")));
        using var file = SafetensorsFile.Open(path);
        using (var stream = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            stream.SetLength(stream.Length - 1);

        var e = Assert.Throws<CheckpointException>(() => file.Read("bool"));

        Assert.Equal("bool", e.Tensor);
        Assert.Contains("truncated", e.Message);
    }

    [Fact]
    public void Read_BooleanThatIsNeither_SaysWhich()
    {
        var bytes = SafetensorsBytes.Of("""{"mask":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}""", 3);
        bytes[^1] = 2;
        using var file = SafetensorsFile.Open(Save(bytes));

        var e = Assert.Throws<CheckpointException>(() => file.Read("mask"));

        Assert.Contains("tensor 'mask': element 2 is 2, and a BOOL is 0 or 1", e.Message);
    }

    [Fact]
    public void Read_Repeatedly_LeavesNoTensorBehind()
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("edge-cases.safetensors"));
        using var target = zeros(5, 7, dtype: ScalarType.Float64);
        using (var scope = NewDisposeScope())
        {
            for (var i = 0; i < 5; i++)
            {
                file.ReadInto("layer.0.weight", target);
                file.Read("layer.0.weight").Dispose();
            }
            Assert.Equal(0, scope.DisposablesCount);
        }
    }

    [Fact]
    public void Open_MissingFile_SaysSo()
    {
        var e = Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(folder["none.safetensors"]));

        Assert.Equal($"{folder["none.safetensors"]}: the file does not exist.", e.Message);
    }

    [Fact]
    public void Open_AFolder_IsACheckpointException() => Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(folder.Root));

    public static TheoryData<string, byte[], string> Broken()
    {
        var good = """{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}""";
        var data = new TheoryData<string, byte[], string>
        {
            { "empty file", [], "has 0 bytes" },
            { "seven bytes", new byte[7], "has 7 bytes" },
            { "header length beyond the file", SafetensorsBytes.Of(Encoding.UTF8.GetBytes(good), [], 99), "truncated" },
            { "huge header length", SafetensorsBytes.Of(Encoding.UTF8.GetBytes(good), new byte[24], 100_000_001), "at most 100000000" },
            { "largest header length", SafetensorsBytes.Of(Encoding.UTF8.GetBytes(good), new byte[24], ulong.MaxValue), "18446744073709551615 bytes long" },
            { "no header", SafetensorsBytes.Of(""), "does not begin with '{'" },
            { "header of spaces", SafetensorsBytes.Of("   {}"), "does not begin with '{'" },
            { "header of an array", SafetensorsBytes.Of("[]"), "does not begin with '{'" },
            { "truncated JSON", SafetensorsBytes.Of(good[..^3], 24), "not valid JSON at byte" },
            { "text behind the JSON", SafetensorsBytes.Of(good + "x", 24), "not valid JSON at byte" },
            { "second object", SafetensorsBytes.Of(good + "{}", 24), "not valid JSON at byte" },
            { "zeros behind the JSON", SafetensorsBytes.Of(good + "\0\0", 24), "not valid JSON at byte" },
            { "invalid UTF-8", SafetensorsBytes.Of([(byte)'{', (byte)'"', 0xC3, 0x28, (byte)'"', (byte)':', (byte)'1', (byte)'}'], []), "not valid UTF-8" },
            { "half a surrogate pair", SafetensorsBytes.Of(good.Replace("\"w\"", "\"\\ud800\""), 24), "not valid JSON" },
            { "comment", SafetensorsBytes.Of(good.Insert(1, "/**/"), 24), "not valid JSON" },
            { "truncated data", SafetensorsBytes.Of(good, 23), "truncated or damaged" },
            { "no data", SafetensorsBytes.Of(good), "beyond the 0 bytes" },
            { "too much data", SafetensorsBytes.Of(good, 25), "has 25 bytes of data" },
            { "data without tensors", SafetensorsBytes.Of("{}", 1), "take 0 bytes" },
            { "unknown type", SafetensorsBytes.Of(good.Replace("F32", "F4"), 24), "dtype 'F4' is not supported" },
            { "lower-case type", SafetensorsBytes.Of(good.Replace("F32", "f32"), 24), "dtype 'f32' is not supported" },
            { "other type", SafetensorsBytes.Of(good.Replace("F32", "F64"), 24), "take 48 bytes" },
            { "type is a number", SafetensorsBytes.Of(good.Replace("\"F32\"", "4"), 24), "dtype must be a string" },
            { "negative length", SafetensorsBytes.Of(good.Replace("[2,3]", "[-2,-3]"), 24), "holds -2" },
            { "minus zero", SafetensorsBytes.Of(good.Replace("[2,3]", "[-0]"), 24), "holds -0" },
            { "fraction", SafetensorsBytes.Of(good.Replace("[2,3]", "[2.0,3]"), 24), "holds 2.0" },
            { "exponent", SafetensorsBytes.Of(good.Replace("[2,3]", "[6e0]"), 24), "holds 6e0" },
            { "NaN", SafetensorsBytes.Of(good.Replace("[2,3]", "[NaN]"), 24), "not valid JSON" },
            { "null length", SafetensorsBytes.Of(good.Replace("[2,3]", "[null]"), 24), "holds null" },
            { "shape is a number", SafetensorsBytes.Of(good.Replace("[2,3]", "6"), 24), "shape must be an array" },
            { "nested shape", SafetensorsBytes.Of(good.Replace("[2,3]", "[[2,3]]"), 24), "holds an array" },
            { "2^63", SafetensorsBytes.Of(good.Replace("[2,3]", "[9223372036854775808]"), 24), "holds 9223372036854775808" },
            { "2^64", SafetensorsBytes.Of(good.Replace("[2,3]", "[18446744073709551616]"), 24), "holds 18446744073709551616" },
            { "overflowing product", SafetensorsBytes.Of(good.Replace("[2,3]", "[4294967296,4294967296]"), 24), "too large to be true" },
            { "product that wraps to the size", SafetensorsBytes.Of(good.Replace("[2,3]", "[4611686018427387910,1]"), 24), "too large to be true" },
            { "overflow beside a zero", SafetensorsBytes.Of(good.Replace("[2,3]", "[0,4611686018427387904,4]").Replace("24", "0")), "too large to be true" },
            { "wrong shape", SafetensorsBytes.Of(good.Replace("[2,3]", "[2,2]"), 24), "take 16 bytes" },
            { "offsets end first", SafetensorsBytes.Of(good.Replace("[0,24]", "[24,0]"), 24), "end before they begin" },
            { "one offset", SafetensorsBytes.Of(good.Replace("[0,24]", "[24]"), 24), "two numbers" },
            { "three offsets", SafetensorsBytes.Of(good.Replace("[0,24]", "[0,24,24]"), 24), "two numbers" },
            { "negative offset", SafetensorsBytes.Of(good.Replace("[0,24]", "[-24,0]"), 24), "holds -24" },
            { "hole before", SafetensorsBytes.Of(good.Replace("[0,24]", "[4,28]"), 28), "hole" },
            { "no dtype", SafetensorsBytes.Of(good.Replace("\"dtype\":\"F32\",", ""), 24), "lacks 'dtype'" },
            { "no shape", SafetensorsBytes.Of(good.Replace("\"shape\":[2,3],", ""), 24), "lacks 'shape'" },
            { "no offsets", SafetensorsBytes.Of(good.Replace(",\"data_offsets\":[0,24]", ""), 24), "lacks 'data_offsets'" },
            { "unknown key", SafetensorsBytes.Of(good.Replace("\"dtype\"", "\"stride\":[],\"dtype\""), 24), "unknown key 'stride'" },
            { "key twice", SafetensorsBytes.Of(good.Replace("\"dtype\"", "\"dtype\":\"F32\",\"dtype\""), 24), "'dtype' appears twice" },
            { "entry is null", SafetensorsBytes.Of("""{"w":null}"""), "but is null" },
            { "name twice", SafetensorsBytes.Of(Two("w", 0, 24, "w", 24, 48), 48), "tensor 'w': the name appears twice" },
            { "name twice, once escaped", SafetensorsBytes.Of(Two("w", 0, 24, "\\u0077", 24, 48), 48), "tensor 'w': the name appears twice" },
            { "same data", SafetensorsBytes.Of(Two("a", 0, 24, "b", 0, 24), 24), "inside those of another tensor" },
            { "overlap", SafetensorsBytes.Of(Two("a", 0, 24, "b", 20, 44), 44), "tensor 'b': its data begin at byte 20, inside" },
            { "hole between", SafetensorsBytes.Of(Two("a", 0, 24, "b", 28, 52), 52), "tensor 'b': its data begin at byte 28, but those before end at 24" },
            { "metadata is text", SafetensorsBytes.Of("""{"__metadata__":"pt"}"""), "must be an object of strings" },
            { "metadata holds a number", SafetensorsBytes.Of("""{"__metadata__":{"format":1}}"""), "metadata 'format' must be a string" },
            { "metadata key twice", SafetensorsBytes.Of("""{"__metadata__":{"a":"1","a":"2"}}"""), "metadata 'a' appears twice" },
            { "metadata twice", SafetensorsBytes.Of("""{"__metadata__":{},"__metadata__":{}}"""), "'__metadata__' appears twice" },
            { "deep nesting", SafetensorsBytes.Of("{\"__metadata__\":{\"a\":" + new string('[', 5000) + new string(']', 5000) + "}}"), "must be a string" },
        };
        return data;

        static string Two(string first, int a, int b, string second, int c, int d) =>
            $$$"""{"{{{first}}}":{"dtype":"F32","shape":[2,3],"data_offsets":[{{{a}}},{{{b}}}]},"{{{second}}}":{"dtype":"F32","shape":[2,3],"data_offsets":[{{{c}}},{{{d}}}]}}""";
    }

    [Theory]
    [MemberData(nameof(Broken))]
    public void Open_BrokenFile_NamesFileAndFault(string fault, byte[] content, string message)
    {
        var path = Save(content);

        var e = Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(path));

        Assert.True(e.Message.Contains(message, StringComparison.Ordinal), $"{fault}: {e.Message}");
        Assert.StartsWith(path + ": ", e.Message);
        Assert.Equal(path, e.File);
    }

    private string Save(byte[] content)
    {
        var path = folder["file.safetensors"];
        File.WriteAllBytes(path, content);
        return path;
    }
}
