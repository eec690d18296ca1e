using System.Text;

namespace PreTrain.Checkpoints;

/// <summary>The names outside a pickle that tensors and plain containers need, and what comes of calling them. Everything else is refused.</summary>
internal static class TorchGlobals
{
    /// <summary>Bytes that a tensor may take which repeats elements of its storage; without a bound a few bytes could ask for terabytes.</summary>
    private const long MaxRepeatedBytes = 1L << 28;

    private const int MaxAxes = 64;

    private static readonly PickleGlobal untyped = new("torch.storage", "UntypedStorage");

    private static readonly HashSet<PickleGlobal> functions =
    [
        new("collections", "OrderedDict"), new("torch", "Size"), new("_codecs", "encode"),
        new("builtins", "set"), new("builtins", "frozenset"), new("builtins", "bytes"),
        new("torch._utils", "_rebuild_tensor"), new("torch._utils", "_rebuild_tensor_v2"), new("torch._utils", "_rebuild_tensor_v3"),
        new("torch._utils", "_rebuild_parameter"),
    ];

    /// <summary>What a name stands for: a function or class to be called, the class of a storage, or a type of elements; <see langword="null"/> if it is refused.</summary>
    internal static object? Find(string module, string name)
    {
        if (module == "torch" && StoredType.ByTorchName(name) is { } type)
            return type;
        var global = new PickleGlobal(module == "__builtin__" ? "builtins" : module, name);
        if (functions.Contains(global) || global == untyped || module == "torch" && StoredType.ByStorageName(name) is not null)
            return global;
        return module == "torch" && name == untyped.Name ? untyped : null;
    }

    /// <summary>The storage that a persistent id stands for.</summary>
    internal static PickleStorage Storage(object? id, Func<string, CheckpointException> fault)
    {
        if (id is not PickleTuple { Items: ["storage", PickleGlobal kind, string key, string, long count, .. var rest] } || rest.Length > 1)
            throw fault("a persistent id is not ('storage', class, key, location, length): it is damaged.");
        if (rest is [not null])
            throw fault($"the storage '{key}' is a view of another one, as PyTorch wrote before version 0.4. Save the file again with a later version.");
        var type = kind.Module == "torch" ? StoredType.ByStorageName(kind.Name) : null;
        if (type is null && kind != untyped)
            throw fault($"'{kind}' is no class of storages.");
        if (count < 0 || count > long.MaxValue / 16)
            throw fault($"the storage '{key}' would have {count} elements.");
        return new PickleStorage(key, type, count);
    }

    /// <summary>What the call of a function gives.</summary>
    internal static object Call(PickleGlobal function, PickleTuple arguments, Func<string, CheckpointException> fault)
    {
        return ((function.Name, arguments.Items)) switch
        {
            ("OrderedDict", []) => new PickleDict { IsOrdered = true },
            ("OrderedDict", [PickleList pairs]) => Ordered(pairs),
            ("Size", [PickleTuple size]) => size,
            ("Size", [PickleList size]) => new PickleTuple([.. size.Items]),
            ("set" or "frozenset", []) => new PickleSet(),
            ("set" or "frozenset", [PickleList items]) => Set(items.Items),
            ("set" or "frozenset", [PickleTuple items]) => Set(items.Items),
            ("bytes", []) => Array.Empty<byte>(),
            ("encode", [string text, "latin1" or "latin-1"]) => Latin(text),
            ("_rebuild_parameter", [PickleTensor tensor, bool, _]) => tensor,
            ("_rebuild_tensor", [PickleStorage storage, long offset, var size, var stride]) => Tensor(storage, storage.Type, offset, size, stride),
            ("_rebuild_tensor_v2", [PickleStorage storage, long offset, var size, var stride, bool, _, .. var more]) when IsPlain(more) =>
                Tensor(storage, storage.Type, offset, size, stride),
            ("_rebuild_tensor_v3", [PickleStorage storage, long offset, var size, var stride, bool, _, StoredType type, .. var more]) when IsPlain(more) =>
                Tensor(storage, type, offset, size, stride),
            _ => throw fault($"'{function}' is called with ({string.Join(", ", arguments.Items.Take(9).Select(PickleReader.Kind))}), which is refused."),
        };

        PickleDict Ordered(PickleList pairs)
        {
            var dict = new PickleDict { IsOrdered = true };
            foreach (var pair in pairs.Items)
            {
                dict.Items.Add(pair switch
                {
                    PickleTuple { Items: [var key, var value] } => new(key, value),
                    PickleList { Items: [var key, var value] } => new(key, value),
                    _ => throw fault("an OrderedDict is made of something else than pairs."),
                });
            }
            return dict;
        }

        static PickleSet Set(IEnumerable<object?> items)
        {
            var set = new PickleSet();
            set.Items.AddRange(items);
            return set;
        }

        byte[] Latin(string text) => text.All(c => c < 256) ? Encoding.Latin1.GetBytes(text) : throw fault("a text is not what encodes bytes in latin1.");

        PickleTensor Tensor(PickleStorage storage, StoredType? type, long offset, object? size, object? stride)
        {
            if (type is null)
                throw fault($"a tensor of the untyped storage '{storage.Key}' does not say the type of its elements.");
            if (storage.Type is not null && storage.Type != type)
                throw fault($"a tensor of {type.TorchName} is a view of the storage '{storage.Key}' of {storage.Type.TorchName}.");
            var shape = Numbers(size);
            var strides = Numbers(stride);
            if (shape.Length != strides.Length || shape.Length > MaxAxes)
                throw fault($"a tensor has {shape.Length} axes and {strides.Length} strides; they must be as many, and at most {MaxAxes}.");
            return Check(storage, type, offset, shape, strides);
        }

        PickleTensor Check(PickleStorage storage, StoredType type, long offset, long[] shape, long[] strides)
        {
            var elements = storage.Type is null ? storage.Count / type.Bytes : storage.Count;
            var text = CheckpointException.Text(shape);
            long count, last;
            try
            {
                // Torch multiplies lengths even where one of them is 0.
                _ = shape.Aggregate((long)Math.Max(type.Bytes, type.BytesInMemory), (product, length) => checked(product * Math.Max(length, 1)));
                count = shape.Aggregate(1L, (product, length) => product * length);
                last = offset;
                for (var axis = 0; axis < shape.Length; axis++)
                    last = checked(last + Math.Max(0, shape[axis] - 1) * strides[axis]);
            }
            catch (OverflowException)
            {
                throw fault($"a tensor's shape {text} with the strides {CheckpointException.Text(strides)} is too large to be true.");
            }
            if (offset < 0 || offset > elements || count > 0 && last >= elements)
                throw fault($"a tensor of the shape {text} with the strides {CheckpointException.Text(strides)} from element {offset} reaches beyond the storage '{storage.Key}' of {elements} elements.");
            if (count > elements && count > MaxRepeatedBytes / type.BytesInMemory)
                throw fault($"a tensor of the shape {text} repeats the {elements} elements of its storage '{storage.Key}' up to more than {MaxRepeatedBytes} bytes, which is refused.");
            return new PickleTensor(storage, type, offset, shape, strides);
        }

        long[] Numbers(object? value)
        {
            if (value is not PickleTuple tuple || !tuple.Items.All(item => item is long and >= 0))
                throw fault("a tensor's shape or strides are not a tuple of whole numbers from 0.");
            return [.. tuple.Items.Select(item => (long)item!)];
        }
    }

    /// <summary>Whether a tensor's further attributes change none of its values: conjugated and negated views would.</summary>
    private static bool IsPlain(object?[] more) =>
        more is [] or [null] || more is [PickleDict dict] && dict.Items.All(item => item is { Key: string, Value: false });
}
