namespace PreTrain.Checkpoints;

/// <summary>A tuple of a pickle; also <c>torch.Size</c>.</summary>
internal sealed record PickleTuple(object?[] Items);

/// <summary>A list of a pickle.</summary>
internal sealed class PickleList
{
    internal List<object?> Items { get; } = [];
}

/// <summary>A set or frozenset of a pickle.</summary>
internal sealed class PickleSet
{
    internal List<object?> Items { get; } = [];
}

/// <summary>A dict or OrderedDict of a pickle, in the order in which it was written.</summary>
internal sealed class PickleDict
{
    internal List<KeyValuePair<object?, object?>> Items { get; } = [];

    /// <summary>Whether it is a <c>collections.OrderedDict</c>, which may carry attributes.</summary>
    internal bool IsOrdered { get; init; }
}

/// <summary>Something that a pickle names, and that it may name: never looked up, only recognised.</summary>
internal sealed record PickleGlobal(string Module, string Name)
{
    public override string ToString() => $"{Module}.{Name}";
}

/// <summary>A reference to the memory of tensors, which lies outside the pickle.</summary>
/// <param name="Key">Its name.</param>
/// <param name="Type">The type of its elements; <see langword="null"/> if it is untyped, so that each tensor says it.</param>
/// <param name="Count">Its elements, or its bytes if it is untyped.</param>
internal sealed record PickleStorage(string Key, StoredType? Type, long Count)
{
    internal long Bytes => Count * (Type?.Bytes ?? 1);
}

/// <summary>A tensor of a pickle: a view of a storage.</summary>
/// <param name="Storage">What it is a view of.</param>
/// <param name="Type">The type of its elements.</param>
/// <param name="Offset">The place of its first element in the storage, in elements.</param>
/// <param name="Shape">The length of each axis.</param>
/// <param name="Strides">The step of each axis, in elements.</param>
internal sealed record PickleTensor(PickleStorage Storage, StoredType Type, long Offset, long[] Shape, long[] Strides)
{
    internal long Count { get; } = Shape.Aggregate(1L, (product, length) => product * length);

    /// <summary>The elements of the storage from the first to the last that the tensor uses.</summary>
    internal long Span => Count == 0 ? 0 : 1 + Shape.Zip(Strides, (length, stride) => (length - 1) * stride).Sum();

    /// <summary>Whether the elements lie row-major, one behind the other.</summary>
    internal bool IsContiguous
    {
        get
        {
            long next = 1;
            for (var axis = Shape.Length - 1; axis >= 0; axis--)
            {
                if (Shape[axis] != 1 && Strides[axis] != next)
                    return Count == 0;
                next *= Shape[axis];
            }
            return true;
        }
    }
}
