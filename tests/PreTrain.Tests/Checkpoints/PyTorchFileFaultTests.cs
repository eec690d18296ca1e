using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using PreTrain.Checkpoints;

namespace PreTrain.Tests.Checkpoints;

/// <summary>Files that pretend to be PyTorch's: each is one clear error, and nothing in it runs.</summary>
public sealed class PyTorchFileFaultTests : IDisposable
{
    private static readonly byte[] storage = new byte[24];
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>Pickles that would run code, each in its way.</summary>
    public static TheoryData<string, byte[], string> Attacks => new()
    {
        { "call", PickleBytes.Of("cos\nsystem\n", PickleBytes.Text("touch /tmp/owned"), 0x85, "R."), "GLOBAL of 'os.system' is refused" },
        { "builtin", PickleBytes.Of("c__builtin__\neval\n", PickleBytes.Text("1"), 0x85, "R."), "GLOBAL of '__builtin__.eval' is refused" },
        { "named on the stack", PickleBytes.Of(PickleBytes.Text("posix"), PickleBytes.Text("system"), 0x93, "."), "GLOBAL of 'posix.system' is refused" },
        { "instance", PickleBytes.Of("(", PickleBytes.Text("x"), "isubprocess\nPopen\n."), "INST of 'subprocess.Popen' is refused" },
        { "object", PickleBytes.Of("(ccollections\nOrderedDict\no."), "OBJ of 'collections.OrderedDict' is refused" },
        { "new object", PickleBytes.Of("ccollections\nOrderedDict\n)", 0x81, "."), "NEWOBJ of 'collections.OrderedDict' is refused" },
        { "new object with keywords", PickleBytes.Of("ctorch\nSize\n)}", 0x92, "."), "NEWOBJ_EX of 'torch.Size' is refused" },
        { "state of a tensor", PickleBytes.Of(PickleBytes.Tensor([2, 3], [3, 1]), "}b."), "BUILD of 'tensor' is refused" },
        { "state of a list", PickleBytes.Of("]}b."), "BUILD of 'list' is refused" },
        { "state of a plain dict", PickleBytes.Of("}}b."), "BUILD of 'dict' is refused" },
        { "call of a list", PickleBytes.Of("])R."), "REDUCE of 'list' is refused" },
        { "call of a type", PickleBytes.Of("ctorch\nfloat32\n)R."), "REDUCE of 'torch.float32' is refused" },
        { "call of a storage class", PickleBytes.Of("ctorch\nFloatStorage\n)R."), "'torch.FloatStorage' is called with (), which is refused" },
        { "codec", PickleBytes.Of("c_codecs\nencode\n", PickleBytes.Text("x"), PickleBytes.Text("zlib"), 0x86, "R."), "'_codecs.encode' is called with (str, str), which is refused" },
        { "pandas", PickleBytes.Of("cpandas.io.pickle\nread_pickle\n."), "GLOBAL of 'pandas.io.pickle.read_pickle' is refused" },
        { "numpy", PickleBytes.Of("cnumpy.core.multiarray\nscalar\n."), "GLOBAL of 'numpy.core.multiarray.scalar' is refused" },
        { "rebuilding of another kind", PickleBytes.Of("ctorch._utils\n_rebuild_wrapper_subclass\n."), "GLOBAL of 'torch._utils._rebuild_wrapper_subclass' is refused" },
        { "attribute of a module", PickleBytes.Of("ctorch\n_utils._rebuild_tensor_v2.__globals__\n."), "GLOBAL of 'torch._utils._rebuild_tensor_v2.__globals__' is refused" },
        { "extension", PickleBytes.Of(0x82, 1, "."), "the opcode EXT1 names an object of a registry" },
        { "extension of 4 bytes", PickleBytes.Of(0x84, 1, 0, 0, 0, "."), "the opcode EXT4 names an object of a registry" },
        { "buffer", PickleBytes.Of(0x97, "."), "buffers outside the pickle and bytearrays are refused" },
        { "persistent id that is a text", PickleBytes.Of(PickleBytes.Text("storage"), "Q."), "a persistent id is not ('storage', class, key, location, length)" },
        { "protocol 0", Encoding.ASCII.GetBytes("cos\nsystem\n(S'id'\ntR."), "GLOBAL of 'os.system' is refused" },
        { "text of protocol 0", Encoding.ASCII.GetBytes("S'id'\n."), "the opcode 'S' belongs to pickle's protocols 0 and 1" },
    };

    /// <summary>Pickles that are damaged, or ask for more than they may.</summary>
    public static TheoryData<string, byte[], string> Damages => new()
    {
        { "nothing", [], "1 bytes are wanted, and 0 are left" },
        { "no end", PickleBytes.Of("}"), "1 bytes are wanted, and 0 are left" },
        { "later protocol", [0x80, 6, (byte)'}', (byte)'.'], "it has the protocol 6" },
        { "no opcode", PickleBytes.Of(0xff, "."), "255 is no opcode" },
        { "nothing to pop", PickleBytes.Of("0."), "a value is missing" },
        { "no mark", PickleBytes.Of("t."), "a mark is missing" },
        { "value before the mark", PickleBytes.Of("](a."), "a value is missing" },
        { "left-overs", PickleBytes.Of("}}."), "it ends with 1 values left over" },
        { "key without value", PickleBytes.Of("}(", PickleBytes.Text("w"), "u."), "a key has no value" },
        { "items for a tuple", PickleBytes.Of(")", PickleBytes.Text("w"), "a."), "APPEND cannot add to a value of the type tuple" },
        { "items for a dict", PickleBytes.Of("}", PickleBytes.Text("w"), "a."), "APPEND cannot add to a value of the type dict" },
        { "unknown memo", PickleBytes.Of("h", 9, "."), "the memo has no entry 9" },
        { "long text", PickleBytes.Of("X", 0xff, 0xff, 0xff, 0xff), "4294967295 bytes are wanted" },
        { "longest text", PickleBytes.Of(0x8d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "18446744073709551615 bytes are wanted" },
        { "huge number", PickleBytes.Of(0x8b, 0xff, 0xff, 0xff, 0x7f), "a whole number has 2147483647 bytes, and at most 1024 are allowed" },
        { "text that is none", PickleBytes.Of(PickleBytes.Counted('X', [0xff, 0xfe]), "."), "a text is not valid UTF-8" },
        { "long name", PickleBytes.Of("c" + new string('a', 2000)), "a name is longer than the 1024 bytes" },
        { "deep lists", PickleBytes.Of(new string(']', 1000), PickleBytes.Tensor([2], [1]), new string('a', 1000) + "."), "the containers in the file are nested more than 64 deep" },
        { "list in itself", PickleBytes.Of("]q", 0, "h", 0, "a."), "the containers in the file are nested more than 64 deep" },
        { "lists of lists of the same", PickleBytes.Of([.. Enumerable.Range(0, 60).SelectMany(_ => new object[] { "2", 0x86 }).Prepend("]"), "."]), "the containers in the file repeat themselves without end" },
        { "long key", PickleBytes.Dictionary([(byte)'}', .. PickleBytes.Text(new string('k', 5000)), .. PickleBytes.Tensor([2], [1]), (byte)'s']), "the name of a tensor is longer than 4096 characters" },
        { "key that is no text", PickleBytes.Of("})", PickleBytes.Tensor([2], [1]), "s."), "has a key of the type tuple" },
        { "same name twice", PickleBytes.Of("}(", PickleBytes.Text("w"), PickleBytes.Tensor([2], [1]), PickleBytes.Text("w"), PickleBytes.Tensor([2], [1]), "u."), "two tensors have the name 'w'" },
        { "storage that is not there", PickleBytes.Dictionary(PickleBytes.Tensor([2], [1], key: "7")), "tensor 'w': its storage '7' is missing" },
        { "storage of another length", PickleBytes.Dictionary(PickleBytes.Tensor([2], [1], count: 7)), "tensor 'w': its storage '0' has 24 bytes, and 28 are announced" },
        { "storage of no kind", PickleBytes.Dictionary(PickleBytes.Tensor([2], [1], storage: "Size")), "'torch.Size' is no class of storages" },
        { "beyond the storage", PickleBytes.Dictionary(PickleBytes.Tensor([2, 3], [3, 1], offset: 1)), "reaches beyond the storage '0' of 6 elements" },
        { "negative offset", PickleBytes.Dictionary(PickleBytes.Tensor([2, 3], [3, 1], offset: -1)), "reaches beyond the storage '0' of 6 elements" },
        { "negative length", PickleBytes.Dictionary(PickleBytes.Tensor([-2, 3], [3, 1])), "are not a tuple of whole numbers from 0" },
        { "negative stride", PickleBytes.Dictionary(PickleBytes.Tensor([2, 3], [3, -1])), "are not a tuple of whole numbers from 0" },
        { "other number of strides", PickleBytes.Dictionary(PickleBytes.Tensor([2, 3], [1])), "a tensor has 2 axes and 1 strides" },
        { "overflow", PickleBytes.Dictionary(PickleBytes.Tensor([1L << 40, 1L << 40], [0, 0])), "is too large to be true" },
        { "overflow of an empty one", PickleBytes.Dictionary(PickleBytes.Tensor([0, 1L << 40, 1L << 40], [0, 0, 0])), "is too large to be true" },
        { "overflow of strides", PickleBytes.Dictionary(PickleBytes.Tensor([3, 3], [long.MaxValue, long.MaxValue])), "is too large to be true" },
        { "terabytes out of nothing", PickleBytes.Dictionary(PickleBytes.Tensor([1L << 38], [0])), "up to more than 268435456 bytes, which is refused" },
    };

    [Theory]
    [MemberData(nameof(Attacks))]
    [MemberData(nameof(Damages))]
    public void Open_WrongPickle_NamesFilePlaceAndFault(string fault, byte[] pickle, string message)
    {
        var path = folder["file.bin"];
        File.WriteAllBytes(path, PickleBytes.Zip(pickle, ("data/0", storage)));

        var e = Assert.Throws<CheckpointException>(() => PyTorchFile.Open(path));

        Assert.True(e.Message.Contains(message, StringComparison.Ordinal), $"{fault}: {e.Message}");
        Assert.StartsWith(path, e.Message);
    }

    [Fact]
    public void Open_RefusedName_SaysWhereAndWhatToDo()
    {
        var path = folder["file.bin"];
        File.WriteAllBytes(path, PickleBytes.Zip(PickleBytes.Of("}cargparse\nNamespace\n.")));

        var e = Assert.Throws<CheckpointException>(() => PyTorchFile.Open(path));

        Assert.Equal($"{path}: 'archive/data.pkl' at byte 3: GLOBAL of 'argparse.Namespace' is refused: a checkpoint may hold tensors and plain values "
            + "(dict, list, tuple, set, int, float, str, bytes, bool, None) only, and Python would run code for anything else. Save the state dict alone.", e.Message);
    }

    /// <summary>Damage to what is around the pickle.</summary>
    public static TheoryData<string, byte[], string> Files
    {
        get
        {
            var good = PickleBytes.Zip(PickleBytes.Dictionary(PickleBytes.Tensor([2, 3], [3, 1])), ("data/0", storage));
            var pickle = PickleBytes.Dictionary(PickleBytes.Tensor([2, 3], [3, 1]));
            return new()
            {
                { "empty", [], "the file is empty" },
                { "text", "hello"u8.ToArray(), "neither a zip file nor a pickle" },
                { "truncated", good[..^1], "the end of the zip directory is missing" },
                { "half", good[..(good.Length / 2)], "the end of the zip directory is missing" },
                { "byte more", [.. good, 0], "the end of the zip directory is missing" },
                { "middle gone", [.. good[..100], .. good[200..]], "The file is damaged" },
                { "compressed", Compressed(pickle), "the entry 'archive/data.pkl' is compressed (method 8)" },
                { "no pickle", Zip(("archive/version", [1])), "0 entries named 'FOLDER/data.pkl'" },
                { "two pickles", Zip(("a/data.pkl", pickle), ("b/data.pkl", pickle)), "2 entries named 'FOLDER/data.pkl'" },
                { "program", Zip(("a/data.pkl", pickle), ("a/constants.pkl", pickle)), "TorchScript program" },
                { "entry twice", Zip(("a/data.pkl", pickle), ("a/data.pkl", pickle)), "the entry 'a/data.pkl' appears twice" },
                { "byte order", PickleBytes.Zip(pickle, ("byteorder", "middle"u8.ToArray())), "says 'middle', and 'little' or 'big' is wanted" },
                { "name changed in the directory", Replaced(good, "archive/data/0", "archive/data/1", last: true), "is called 'archive/data/0' where it begins" },
                { "encrypted", Patched(good, "PK\x01\x02", 8, 1), "the entry 'archive/data.pkl' is encrypted" },
                { "entry moved", Patched(good, "PK\x01\x02", 42, 9), "does not begin at byte 9" },
                { "entry too long", Patched(Patched(good, "PK\x01\x02", 27, 0x70), "PK\x01\x02", 23, 0x70), "reaches into the zip directory" },
                { "sizes that differ", Patched(good, "PK\x01\x02", 24, 9), "of which" },
                { "other count", Patched(good, "PK\x05\x06", 10, 9), "the zip directory has 2 entries, and 9 are announced" },
                { "directory elsewhere", Patched(good, "PK\x05\x06", 19, 0x70), "reaches beyond its end" },
                { "64-bit directory that is missing", Patched(Patched(good, "PK\x05\x06", 10, 0xff), "PK\x05\x06", 11, 0xff), "the 64-bit zip directory is missing" },
                { "pickle of something else", PickleBytes.Of("}."), "does not begin like a checkpoint of PyTorch" },
                { "legacy pickle cut", File.ReadAllBytes(SafetensorsBytes.Fixture("torch-legacy.pt"))[..^10], "it is truncated" },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Open_WrongFile_NamesFileAndFault(string fault, byte[] content, string message)
    {
        var path = folder["file.bin"];
        File.WriteAllBytes(path, content);

        var e = Assert.Throws<CheckpointException>(() => PyTorchFile.Open(path));

        Assert.True(e.Message.Contains(message, StringComparison.Ordinal), $"{fault}: {e.Message}");
        File.Delete(path);   // nothing is left open
    }

    [Fact]
    public void Open_64BitDirectory_IsRead()
    {
        var path = folder["file.bin"];
        File.WriteAllBytes(path, With64BitFields(PickleBytes.Zip(PickleBytes.Dictionary(PickleBytes.Tensor([2, 3], [3, 1])), ("data/0", storage))));

        using var file = PyTorchFile.Open(path);
        using var tensor = file.Read("w");

        Assert.Equal([2L, 3], tensor.shape);
    }

    /// <summary>The same zip file with every size and place in 64-bit fields.</summary>
    private static byte[] With64BitFields(byte[] zip)
    {
        var end = zip.AsSpan(zip.Length - 22);
        var start = BinaryPrimitives.ReadInt32LittleEndian(end[16..]);
        var result = new List<byte>(zip[..start]);
        for (var at = start; at < zip.Length - 22;)
        {
            var entry = zip.AsSpan(at, 46).ToArray();
            int name = BinaryPrimitives.ReadUInt16LittleEndian(entry.AsSpan(28)), extra = BinaryPrimitives.ReadUInt16LittleEndian(entry.AsSpan(30));
            byte[] wide = [99, 0, 2, 0, 5, 5, 1, 0, 24, 0, .. Wide(entry, 24), .. Wide(entry, 20), .. Wide(entry, 42)];
            foreach (var place in new[] { 20, 24, 42 })
                entry.AsSpan(place, 4).Fill(0xff);
            BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(30), (ushort)wide.Length);
            result.AddRange([.. entry, .. zip[(at + 46)..(at + 46 + name)], .. wide]);
            at += 46 + name + extra;
        }
        var bytes = result.Count - start;
        var count = (long)BinaryPrimitives.ReadUInt16LittleEndian(end[10..]);
        byte[] end64 = [.. "PK\x06\x06"u8, .. BitConverter.GetBytes(44L), 45, 0, 45, 0, .. new byte[8], .. BitConverter.GetBytes(count), .. BitConverter.GetBytes(count),
            .. BitConverter.GetBytes((long)bytes), .. BitConverter.GetBytes((long)start)];
        byte[] locator = [.. "PK\x06\x07"u8, .. new byte[4], .. BitConverter.GetBytes((long)result.Count), 1, 0, 0, 0];
        return [.. result, .. end64, .. locator, .. "PK\x05\x06"u8, 0, 0, 0, 0, .. Enumerable.Repeat((byte)0xff, 12), 0, 0];

        static byte[] Wide(byte[] entry, int place) => BitConverter.GetBytes((long)BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(place)));
    }

    private static byte[] Zip(params (string Name, byte[] Content)[] entries)
    {
        using var stream = new MemoryStream();
        var zip = new ZipWriter(stream);
        foreach (var (name, content) in entries)
            zip.Add(name, content);
        zip.Finish();
        return stream.ToArray();
    }

    private static byte[] Compressed(byte[] pickle)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        using (var entry = zip.CreateEntry("archive/data.pkl", CompressionLevel.SmallestSize).Open())
            entry.Write([.. pickle, .. new byte[1000]]);
        return stream.ToArray();
    }

    /// <summary>The file with one byte changed, at a distance from the first (of the directory) or only occurrence of a signature.</summary>
    private static byte[] Patched(byte[] file, string signature, int distance, byte value)
    {
        var copy = file.ToArray();
        copy[copy.AsSpan().IndexOf(Encoding.Latin1.GetBytes(signature)) + distance] = value;
        return copy;
    }

    private static byte[] Replaced(byte[] file, string text, string other, bool last)
    {
        var copy = file.ToArray();
        var at = last ? copy.AsSpan().LastIndexOf(Encoding.Latin1.GetBytes(text)) : copy.AsSpan().IndexOf(Encoding.Latin1.GetBytes(text));
        Encoding.Latin1.GetBytes(other).CopyTo(copy, at);
        return copy;
    }
}
