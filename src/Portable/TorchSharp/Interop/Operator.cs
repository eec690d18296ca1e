using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace TorchSharp.Interop;

/// <summary>
/// An operator of libtorch, <c>aten::name.overload</c>. It is looked up at its first call and kept in a static field, so a call
/// costs one transition to native code. Missing trailing arguments take the schema's defaults.
/// </summary>
internal sealed unsafe class Operator(string name, string overload = "", string space = "aten")
{
    private const int InlineResults = 4;
    private nint _handle;

    /// <summary>Whether this libtorch has the operator.</summary>
    internal bool Exists => _handle != 0 || (_handle = Native.pt_find($"{space}::{name}", overload)) != 0;

    /// <summary>Calls an operator with one tensor as its result.</summary>
    internal Tensor Call(params ReadOnlySpan<Value> args)
    {
        NativeValue result = default;
        Invoke(args, &result, 1);
        return result.Tag == (int)Tag.Tensor ? new Tensor((nint)result.Payload) : throw Unexpected(result);
    }

    /// <summary>Calls an operator with one tensor as its result, which gets no object of its own; the caller releases it.</summary>
    internal nint CallRaw(params ReadOnlySpan<Value> args)
    {
        NativeValue result = default;
        Invoke(args, &result, 1);
        return result.Tag == (int)Tag.Tensor ? (nint)result.Payload : throw Unexpected(result);
    }

    /// <summary>Calls an operator that writes into a tensor among its arguments and returns it.</summary>
    internal Tensor CallInto(Tensor written, params ReadOnlySpan<Value> args)
    {
        NativeValue result = default;
        Invoke(args, &result, 1, writes: true);
        Release(result);
        return written;
    }

    internal void CallVoid(params ReadOnlySpan<Value> args)
    {
        NativeValue* results = stackalloc NativeValue[InlineResults];
        int count = Invoke(args, results, InlineResults, writes: true);
        for (int i = 0; i < count; i++) Release(results[i]);
    }

    internal (Tensor, Tensor) Call2(params ReadOnlySpan<Value> args)
    {
        NativeValue* r = stackalloc NativeValue[2];
        Invoke(args, r, 2);
        return (Wrap(r[0])!, Wrap(r[1])!);
    }

    internal (Tensor, Tensor, Tensor) Call3(params ReadOnlySpan<Value> args)
    {
        NativeValue* r = stackalloc NativeValue[3];
        Invoke(args, r, 3);
        return (Wrap(r[0])!, Wrap(r[1])!, Wrap(r[2])!);
    }

    internal (Tensor, Tensor, Tensor, Tensor) Call4(params ReadOnlySpan<Value> args)
    {
        NativeValue* r = stackalloc NativeValue[4];
        Invoke(args, r, 4);
        return (Wrap(r[0])!, Wrap(r[1])!, Wrap(r[2])!, Wrap(r[3])!);
    }

    /// <summary>Calls an operator with a list of tensors as its result.</summary>
    internal Tensor[] CallList(params ReadOnlySpan<Value> args)
    {
        NativeValue result = default;
        Invoke(args, &result, 1);
        if (result.Tag != (int)Tag.TensorList) throw Unexpected(result);
        var tensors = new Tensor[result.Aux];
        nint* handles = (nint*)result.Payload;
        for (int i = 0; i < tensors.Length; i++) tensors[i] = handles[i] == 0 ? Tensor.Undefined() : new Tensor(handles[i]);
        Native.pt_free((nint)handles);
        return tensors;
    }

    internal bool CallBool(params ReadOnlySpan<Value> args) => CallNumber(args, Tag.Bool).Payload != 0;

    internal long CallInt(params ReadOnlySpan<Value> args) => CallNumber(args, Tag.Int).Payload;

    internal double CallDouble(params ReadOnlySpan<Value> args) => BitConverter.Int64BitsToDouble(CallNumber(args, Tag.Double).Payload);

    private NativeValue CallNumber(ReadOnlySpan<Value> args, Tag tag)
    {
        NativeValue result = default;
        Invoke(args, &result, 1);
        return result.Tag == (int)tag ? result : throw Unexpected(result);
    }

    private static Tensor? Wrap(in NativeValue value) =>
        value.Tag == (int)Tag.Tensor && value.Payload != 0 ? new Tensor((nint)value.Payload) : null;

    private static void Release(in NativeValue value)
    {
        if (value.Tag == (int)Tag.Tensor && value.Payload != 0) Native.pt_release((nint)value.Payload);
    }

    private InvalidOperationException Unexpected(in NativeValue value)
    {
        Release(value);
        return new InvalidOperationException($"{space}::{name} returned a {(Tag)value.Tag}, which its caller does not expect.");
    }

    private int Invoke(ReadOnlySpan<Value> args, NativeValue* results, int capacity, bool writes = false)
    {
        if (_handle == 0 && !Exists) Errors.Throw();
        int done = Enter(args, results, capacity);
        if (done < 0 && !writes && Errors.IsOutOfMemory)
        {
            // Tensors that nobody holds any more may take the memory. An operator that writes into its arguments is not called twice.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            done = Enter(args, results, capacity);
        }
        for (int i = 0; i < args.Length; i++) GC.KeepAlive(args[i].Object);
        if (done < 0) Errors.Throw();
        return done;
    }

    private int Enter(ReadOnlySpan<Value> args, NativeValue* results, int capacity)
    {
        NativeValue* native = stackalloc NativeValue[args.Length];
        int extra = 0;   // bytes of the lists and strings, which are copied beside the arguments
        for (int i = 0; i < args.Length; i++)
        {
            ref readonly Value v = ref args[i];
            native[i].Tag = (int)v.Tag;
            native[i].Aux = v.Aux;
            native[i].Payload = v.Payload;
            if (v.Tag is >= Tag.IntList and <= Tag.String or Tag.Complex) extra += SizeOf(v);
        }

        int done;
        if (extra == 0)
        {
            done = Native.pt_call(_handle, native, args.Length, results, capacity);
        }
        else if (extra <= 1024)
        {
            byte* buffer = stackalloc byte[extra];
            CopyLists(args, native, buffer);
            done = Native.pt_call(_handle, native, args.Length, results, capacity);
        }
        else
        {
            void* buffer = NativeMemory.Alloc((nuint)extra);
            try
            {
                CopyLists(args, native, (byte*)buffer);
                done = Native.pt_call(_handle, native, args.Length, results, capacity);
            }
            finally
            {
                NativeMemory.Free(buffer);
            }
        }

        return done;
    }

    // Each list takes a multiple of 8 bytes, so that all stay aligned.
    private static int SizeOf(in Value v) => v.Object switch
    {
        long[] list => list.Length * 8,
        double[] list => list.Length * 8,
        bool[] list => (list.Length + 7) & ~7,
        string text => (Encoding.UTF8.GetByteCount(text) + 7) & ~7,
        IReadOnlyList<Tensor?> list => list.Count * 8,
        var other => throw new InvalidOperationException($"A list argument holds a {other?.GetType().Name ?? "null"}."),
    };

    private static void CopyLists(ReadOnlySpan<Value> args, NativeValue* native, byte* buffer)
    {
        for (int i = 0; i < args.Length; i++)
        {
            ref readonly Value v = ref args[i];
            if (v.Tag is not (>= Tag.IntList and <= Tag.String or Tag.Complex)) continue;
            native[i].Payload = (long)buffer;
            switch (v.Object)
            {
                case long[] list:
                    list.CopyTo(new Span<long>(buffer, list.Length));
                    native[i].Aux = list.Length;
                    break;
                case double[] list:
                    list.CopyTo(new Span<double>(buffer, list.Length));
                    native[i].Aux = list.Length;
                    break;
                case bool[] list:
                    list.CopyTo(new Span<bool>(buffer, list.Length));
                    native[i].Aux = list.Length;
                    break;
                case string text:
                    native[i].Aux = Encoding.UTF8.GetBytes(text, new Span<byte>(buffer, Encoding.UTF8.GetByteCount(text)));
                    break;
                case IReadOnlyList<Tensor?> list:
                    // libtorch passes over a tensor that does not exist, which would go unnoticed; only an index may leave an axis out.
                    for (int k = 0; k < list.Count; k++)
                    {
                        if (list[k] is null && v.Tag != Tag.OptionalTensorList) throw new ArgumentNullException("tensors", $"Tensor {k} of the list is null.");
                        ((nint*)buffer)[k] = list[k]?.Handle ?? 0;
                    }
                    native[i].Aux = list.Count;
                    break;
            }
            buffer += SizeOf(v);
        }
    }
}
