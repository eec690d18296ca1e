using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace PreTrain.Modules.Quantized;

/// <summary>A number for each group of each output's inputs, its scale or its zero point, by <see cref="PanelLayout.PlaceOf"/>. They take as many bytes as their values need, and are computed with in 32 bits.</summary>
internal sealed unsafe class GroupNumbers : IDisposable
{
    private readonly Tensor _numbers;
    private readonly void* _at;   // it stays there; asking torch for each number would be most of the time of quantizing

    /// <param name="count">How many, of which all are 0 at first.</param>
    /// <param name="type">Float32, or Float16 or Byte where those hold each of them.</param>
    internal GroupNumbers(long count, ScalarType type)
    {
        _numbers = zeros([count], dtype: type).DetachFromDisposeScope();
        Type = type;
        _at = TensorMemory.Address(_numbers);
    }

    internal ScalarType Type { get; }

    internal long ByteCount => _numbers.numel() * _numbers.element_size();

    internal float this[long place]
    {
        get => Type switch
        {
            ScalarType.Float16 => (float)((Half*)_at)[place],
            ScalarType.Byte => ((byte*)_at)[place],
            _ => ((float*)_at)[place],
        };
        set
        {
            if (Type == ScalarType.Float16) ((Half*)_at)[place] = (Half)value;
            else if (Type == ScalarType.Byte) ((byte*)_at)[place] = (byte)value;
            else ((float*)_at)[place] = value;
        }
    }

    public void Dispose() => _numbers.Dispose();

    /// <summary>Some of them in 32 bits: where they are, or where they are written to.</summary>
    /// <param name="place">The first.</param>
    /// <param name="count">How many.</param>
    /// <param name="room">Has room for as many.</param>
    internal float* Wide(long place, long count, float* room)
    {
        if (Type == ScalarType.Float16) TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>((Half*)_at + place, (int)count), new Span<float>(room, (int)count));
        else if (Type == ScalarType.Byte) Widen((byte*)_at + place, count, room);
        return Type == ScalarType.Float32 ? (float*)_at + place : room;
    }

    private static void Widen(byte* numbers, long count, float* room)
    {
        long i = 0;
        for (; Lanes.AreSupported && i + 16 <= count; i += 16) Vector512.ConvertToSingle(Lanes.Load(numbers + i)).Store(room + i);
        for (; i < count; i++) room[i] = numbers[i];
    }
}
