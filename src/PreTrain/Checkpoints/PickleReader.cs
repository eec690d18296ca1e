using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using System.Text.Unicode;

namespace PreTrain.Checkpoints;

/// <summary>
/// Reads pickles of tensors and plain values. It is a stack machine like Python's, but it looks nothing up and calls nothing: the few
/// names that tensors and containers need are recognised by <see cref="TorchGlobals"/>, and any other is an error.
/// </summary>
/// <remarks>
/// Opcodes: Python's <c>pickletools</c>, protocols 2 to 5. Nothing is recursive, so that no nesting can exhaust the stack, and every opcode takes a constant
/// amount of memory besides the bytes that it reads.
/// </remarks>
internal sealed class PickleReader
{
    /// <summary>Values that one pickle may make.</summary>
    private const int MaxValues = 10_000_000;

    private const int MaxNameBytes = 1024, MaxIntegerBytes = 1024;

    private readonly PickleInput input;
    private readonly List<object?> stack = [];
    private readonly Stack<int> marks = new();
    private readonly Dictionary<uint, object?> memo = [];
    private int values;
    private long position;

    internal PickleReader(PickleInput input) => this.input = input;

    /// <summary>Reads one pickle, up to and with its STOP.</summary>
    /// <exception cref="CheckpointException">It is damaged, too large, or holds what a checkpoint must not hold.</exception>
    internal object? Read()
    {
        while (true)
        {
            position = input.Position;
            var opcode = input.ReadByte();
            if (opcode == (byte)'.')
            {
                var result = Pop();
                return stack.Count == 0 && marks.Count == 0 ? result : throw Fault($"it ends with {stack.Count + marks.Count} values left over.");
            }
            if (!TryPlain(opcode) && !TryContainer(opcode) && !TryMemo(opcode))
                Special(opcode);
        }
    }

    /// <summary>Numbers, texts, bytes, constants.</summary>
    private bool TryPlain(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'N': Push(null); return true;
            case 0x88: Push(true); return true;
            case 0x89: Push(false); return true;
            case (byte)'J': Push((long)input.ReadInt32()); return true;
            case (byte)'K': Push((long)input.ReadByte()); return true;
            case (byte)'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(input.Read(2))); return true;
            case 0x8a: Push(Integer(input.ReadByte())); return true;
            case 0x8b: Push(Integer(input.ReadUInt32())); return true;
            case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(input.Read(8))); return true;
            case (byte)'U' or 0x8c: Push(Text(input.ReadByte())); return true;   // SHORT_BINSTRING is Python 2's text
            case (byte)'T' or (byte)'X': Push(Text(input.ReadUInt32())); return true;
            case 0x8d: Push(Text(input.ReadUInt64())); return true;
            case (byte)'C': Push(input.Read(input.ReadByte()).ToArray()); return true;
            case (byte)'B': Push(input.Read(input.ReadUInt32()).ToArray()); return true;
            case 0x8e: Push(input.Read(input.ReadUInt64()).ToArray()); return true;
            default: return false;
        }
    }

    private bool TryContainer(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'(': marks.Push(stack.Count); return true;
            case (byte)')': Push(new PickleTuple([])); return true;
            case 0x85 or 0x86 or 0x87: Push(new PickleTuple(PopMany(opcode - 0x84))); return true;
            case (byte)'t': Push(new PickleTuple(PopToMark())); return true;
            case (byte)']': Push(new PickleList()); return true;
            case (byte)'}': Push(new PickleDict()); return true;
            case 0x8f: Push(new PickleSet()); return true;
            case (byte)'l': Fill(new PickleList(), PopToMark()); return true;
            case (byte)'d': Fill(new PickleDict(), PopToMark()); return true;
            case 0x91: Fill(new PickleSet(), PopToMark()); return true;
            case (byte)'a': Extend([Pop()], "APPEND"); return true;
            case (byte)'e': Extend(PopToMark(), "APPENDS"); return true;
            case 0x90: Extend(PopToMark(), "ADDITEMS"); return true;
            case (byte)'s': Extend(PopMany(2), "SETITEM"); return true;
            case (byte)'u': Extend(PopToMark(), "SETITEMS"); return true;
            default: return false;
        }
    }

    private bool TryMemo(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'q': memo[input.ReadByte()] = Peek(); return true;
            case (byte)'r': memo[input.ReadUInt32()] = Peek(); return true;
            case 0x94: memo[(uint)memo.Count] = Peek(); return true;
            case (byte)'h': Recall(input.ReadByte()); return true;
            case (byte)'j': Recall(input.ReadUInt32()); return true;
            default: return false;
        }
    }

    /// <summary>What frames the pickle, and what names things outside of it.</summary>
    private void Special(byte opcode)
    {
        switch (opcode)
        {
            case 0x80:
                if (input.ReadByte() is > 5 and var protocol)
                    throw Fault($"it has the protocol {protocol}; the protocols up to 5 are known.");
                return;
            case 0x95:
                input.ReadUInt64();   // the length of a frame, a hint for readers of streams
                return;
            case (byte)'0':
                if (marks.TryPeek(out var mark) && mark == stack.Count)
                    marks.Pop();
                else
                    Pop();
                return;
            case (byte)'1': PopToMark(); return;
            case (byte)'2': Push(Peek()); return;
            case (byte)'c':
                var module = Name();
                Push(Global(module, Name()));
                return;
            case 0x93:
                var names = PopMany(2);
                Push(names is [string m, string n] ? Global(m, n) : throw Fault("STACK_GLOBAL needs two texts."));
                return;
            case (byte)'Q': Push(TorchGlobals.Storage(Pop(), Fault)); return;
            case (byte)'R':
                var call = PopMany(2);
                Push(TorchGlobals.Call(call[0] as PickleGlobal ?? throw Refused("REDUCE", call[0]),
                    call[1] as PickleTuple ?? throw Fault($"REDUCE of {call[0]} needs a tuple."), Fault));
                return;
            case (byte)'b':
                var build = PopMany(2);
                // Module.state_dict() hangs the versions of its modules on the dictionary; they say nothing about tensors.
                Push(build[0] is PickleDict { IsOrdered: true } && build[1] is PickleDict ? build[0] : throw Refused("BUILD", build[0]));
                return;
            case 0x81 or 0x92:
                throw Refused(opcode == 0x81 ? "NEWOBJ" : "NEWOBJ_EX", PopMany(opcode == 0x81 ? 2 : 3)[0]);
            case (byte)'i':
                throw Refused("INST", new PickleGlobal(Name(), Name()));
            case (byte)'o':
                throw Refused("OBJ", PopToMark().FirstOrDefault());
            case 0x82 or 0x83 or 0x84:
                throw Fault($"the opcode EXT{1 << (opcode - 0x82)} names an object of a registry, which is refused.");
            case 0x96 or 0x97 or 0x98:
                throw Fault("buffers outside the pickle and bytearrays are refused: a checkpoint may hold tensors and plain values only.");
            case (byte)'I' or (byte)'L' or (byte)'F' or (byte)'S' or (byte)'V' or (byte)'g' or (byte)'p' or (byte)'P':
                throw Fault($"the opcode '{(char)opcode}' belongs to pickle's protocols 0 and 1. Save the checkpoint with protocol 2 or a later one.");
            default:
                throw Fault($"{opcode} is no opcode. The file is damaged, or it is no checkpoint.");
        }
    }

    private object Global(string module, string name) =>
        TorchGlobals.Find(module, name) ?? throw Refused("GLOBAL", new PickleGlobal(module, name));

    private CheckpointException Refused(string opcode, object? target) => Fault(
        $"{opcode} of '{(target is PickleGlobal global ? global.ToString() : Kind(target))}' is refused: a checkpoint may hold tensors and plain values "
        + "(dict, list, tuple, set, int, float, str, bytes, bool, None) only, and Python would run code for anything else. Save the state dict alone.");

    internal static string Kind(object? value) => value switch
    {
        null => "None",
        bool => "bool",
        long or BigInteger => "int",
        double => "float",
        string => "str",
        byte[] => "bytes",
        PickleTuple => "tuple",
        PickleList => "list",
        PickleSet => "set",
        PickleDict => "dict",
        PickleStorage => "storage",
        PickleTensor => "tensor",
        StoredType type => $"torch.{type.TorchName}",
        _ => value.ToString() ?? "object",
    };

    private void Fill(object container, object?[] items)
    {
        Push(container);
        Extend(items, "a list, dict or set");
    }

    private void Extend(object?[] items, string opcode)
    {
        switch (Peek())
        {
            case PickleList list when opcode is not ("SETITEM" or "SETITEMS"):
                list.Items.AddRange(items);
                break;
            case PickleSet set when opcode is "ADDITEMS" or "a list, dict or set":
                set.Items.AddRange(items);
                break;
            case PickleDict dict when opcode is not ("APPEND" or "APPENDS" or "ADDITEMS"):
                if (items.Length % 2 != 0)
                    throw Fault($"{opcode}: a key has no value.");
                for (var i = 0; i < items.Length; i += 2)
                    dict.Items.Add(new(items[i], items[i + 1]));
                break;
            case var other:
                throw Fault($"{opcode} cannot add to a value of the type {Kind(other)}.");
        }
    }

    private void Push(object? value)
    {
        if (++values > MaxValues)
            throw Fault($"it has more than the {MaxValues} values that are allowed.");
        stack.Add(value);
    }

    private int Floor => marks.TryPeek(out var mark) ? mark : 0;

    private object? Peek() => stack.Count > Floor ? stack[^1] : throw Fault("a value is missing: it is damaged.");

    private object? Pop()
    {
        var value = Peek();
        stack.RemoveAt(stack.Count - 1);
        return value;
    }

    private object?[] PopMany(int count) => stack.Count - Floor >= count ? Take(stack.Count - count) : throw Fault("a value is missing: it is damaged.");

    private object?[] PopToMark() => marks.TryPop(out var mark) ? Take(mark) : throw Fault("a mark is missing: it is damaged.");

    private object?[] Take(int from)
    {
        var items = stack.GetRange(from, stack.Count - from).ToArray();
        stack.RemoveRange(from, items.Length);
        return items;
    }

    private void Recall(uint index) => Push(memo.TryGetValue(index, out var value) ? value : throw Fault($"the memo has no entry {index}: it is damaged."));

    private string Text(ulong bytes)
    {
        var text = input.Read(bytes);
        return Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : throw Fault("a text is not valid UTF-8.");
    }

    private string Name()
    {
        var name = input.ReadLine(MaxNameBytes);
        return Utf8.IsValid(name) ? Encoding.UTF8.GetString(name) : throw Fault("a name is not valid UTF-8.");
    }

    private object Integer(uint bytes)
    {
        if (bytes > MaxIntegerBytes)
            throw Fault($"a whole number has {bytes} bytes, and at most {MaxIntegerBytes} are allowed.");
        var value = new BigInteger(input.Read(bytes));
        return value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;
    }

    private CheckpointException Fault(string fault) => input.Fault(position, fault);
}
