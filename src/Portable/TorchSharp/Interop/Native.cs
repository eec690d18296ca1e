using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Interop;

/// <summary>The C functions of native/pretrain_torch.cpp. Those that only read a tensor's fields skip the transition to native mode.</summary>
internal static unsafe partial class Native
{
    private const string Library = "pretrain_torch";
    private const string FileName = "libpretrain_torch.so";

    static Native() => NativeLibrary.SetDllImportResolver(typeof(Native).Assembly, Resolve);

    /// <summary>The file named by PRETRAIN_TORCH_NATIVE, else the one beside the program or this assembly.</summary>
    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != Library) return 0;
        string? named = Environment.GetEnvironmentVariable("PRETRAIN_TORCH_NATIVE");
        string[] candidates = named is not null
            ? [named]
            : [Path.Combine(AppContext.BaseDirectory, FileName), Path.Combine(Path.GetDirectoryName(assembly.Location) ?? ".", FileName)];
        string? file = candidates.FirstOrDefault(File.Exists);
        if (file is null)
            throw new DllNotFoundException($"{candidates[0]} is missing: the native part of the torch provider has not been built. Run ./bootstrap.sh (or a bundle's run.sh), or set PRETRAIN_TORCH_NATIVE to the file.");
        PrepareEnvironment();
        try
        {
            nint library = NativeLibrary.Load(file);
            AvoidKnownFaults(library);
            return library;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new DllNotFoundException($"{file} cannot be loaded: {e.Message} Its libtorch may have been moved or removed since it was built; run ./bootstrap.sh again.", e);
        }
    }

    /// <summary>
    /// What libtorch's own libraries read once, when they are loaded, and from the C environment, which .NET's functions do not change. What the
    /// user set stays.
    /// </summary>
    private static void PrepareEnvironment()
    {
        if (!OperatingSystem.IsLinux()) return;
        // OpenMP: threads sleep while they wait for each other. Where other programs use the processors too, spinning keeps the awaited thread from
        // running: small models then trained at a seventh of the speed.
        if (s_spinning.All(name => Environment.GetEnvironmentVariable(name) is null)) _ = setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
        // OpenBLAS knows processors by their model, and computes with SSE3 on those newer than itself, at a fifth of the speed. Its kernels for
        // AVX-512 are one set, named so since they were written.
        if (Avx512F.IsSupported && Avx512BW.VL.IsSupported && Avx512CD.IsSupported && Avx512DQ.IsSupported) _ = setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
    }

    /// <summary>
    /// libtorch 1.13's oneDNN 2.6 ends the process with an illegal instruction in some small products of bfloat16 on AMX (63 × 75 by 75 × 20, and its gradients). It reads the
    /// instructions that it may use with its first operator, and takes AVX-512's then; large products are multiplied on AMX without it.
    /// </summary>
    private static void AvoidKnownFaults(nint library)
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("DNNL_MAX_CPU_ISA") is not null) return;
        string version = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)NativeLibrary.GetExport(library, "pt_version"))())!;
        if (version.StartsWith("1.", StringComparison.Ordinal)) _ = setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", 0);
    }

    private static readonly string[] s_spinning = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"];

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)] private static partial int setenv(string name, string value, int overwrite);

    [LibraryImport(Library)] internal static partial nint pt_error();
    [LibraryImport(Library)] internal static partial nint pt_version();
    [LibraryImport(Library)] internal static partial void pt_free(nint memory);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial nint pt_find(string name, string overload);
    [LibraryImport(Library)] internal static partial int pt_call(nint op, NativeValue* args, int count, NativeValue* results, int capacity);

    [LibraryImport(Library), SuppressGCTransition] internal static partial void pt_retain(nint tensor);
    [LibraryImport(Library)] internal static partial void pt_release(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long pt_dim(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long pt_numel(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int pt_dtype(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long pt_itemsize(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int pt_device(nint tensor, int* index);
    [LibraryImport(Library), SuppressGCTransition] internal static partial void pt_sizes(nint tensor, long* sizes);
    [LibraryImport(Library)] internal static partial void pt_strides(nint tensor, long* strides);
    [LibraryImport(Library)] internal static partial int pt_is_contiguous(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int pt_is_sparse(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int pt_is_lazy(nint tensor);
    [LibraryImport(Library)] internal static partial long pt_storage_offset(nint tensor);
    [LibraryImport(Library)] internal static partial long pt_storage_bytes(nint tensor);
    [LibraryImport(Library)] internal static partial nint pt_storage_data(nint tensor);
    [LibraryImport(Library)] internal static partial nint pt_data(nint tensor);
    [LibraryImport(Library)]
    internal static partial nint pt_from_blob(nint data, long* sizes, long* strides, int dims, int dtype,
        delegate* unmanaged<nint, void> release, nint context);

    [LibraryImport(Library)] internal static partial int pt_requires_grad(nint tensor);
    [LibraryImport(Library)] internal static partial int pt_set_requires_grad(nint tensor, int on);
    [LibraryImport(Library)] internal static partial int pt_is_leaf(nint tensor);
    [LibraryImport(Library)] internal static partial int pt_retain_grad(nint tensor);
    [LibraryImport(Library)] internal static partial int pt_get_grad(nint tensor, nint* grad);
    [LibraryImport(Library)] internal static partial int pt_set_grad(nint tensor, nint grad);
    [LibraryImport(Library)]
    internal static partial int pt_backward(nint* tensors, int count, nint* grads, int gradCount, int retainGraph, int createGraph,
        nint* inputs, int inputCount);
    [LibraryImport(Library)]
    internal static partial int pt_grad(nint* outputs, int count, nint* inputs, int inputCount, nint* grads, int gradCount,
        int retainGraph, int createGraph, int allowUnused, nint* results);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int pt_grad_enabled();
    [LibraryImport(Library), SuppressGCTransition] internal static partial void pt_set_grad_enabled(int on);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int pt_inference_enabled();
    [LibraryImport(Library)] internal static partial nint pt_inference_enter(int on);
    [LibraryImport(Library)] internal static partial void pt_inference_leave(nint guard);
    [LibraryImport(Library)] internal static partial void pt_set_anomaly(int on, int checkNan);
    [LibraryImport(Library)] internal static partial int pt_anomaly_enabled();
    [LibraryImport(Library)] internal static partial int pt_anomaly_checks_nan();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint pt_node_new(nint context, delegate* unmanaged<nint, nint*, int, nint*, int, nint> apply,
        delegate* unmanaged<nint, void> release, string label, nint* inputs, int count);
    [LibraryImport(Library)] internal static partial void pt_node_release(nint node);
    [LibraryImport(Library), SuppressGCTransition] internal static partial nint pt_node_get(nint node);
    [LibraryImport(Library)]
    internal static partial int pt_node_wrap(nint node, nint* inputs, int inputCount, nint* constant, int constantCount,
        nint* dirty, int dirtyCount, nint* outputs, int outputCount, nint* results);
    [LibraryImport(Library)] internal static partial int pt_node_save(nint node, nint* tensors, int count);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int pt_node_saved_count(nint node);
    [LibraryImport(Library)] internal static partial int pt_node_saved(nint node, nint* results);

    [LibraryImport(Library)] internal static partial nint pt_generator_default(int device, int index);
    [LibraryImport(Library)] internal static partial nint pt_generator_clone(nint generator);
    [LibraryImport(Library)] internal static partial void pt_generator_release(nint generator);
    [LibraryImport(Library)] internal static partial int pt_generator_set_seed(nint generator, long seed);
    [LibraryImport(Library)] internal static partial long pt_generator_get_seed(nint generator);
    [LibraryImport(Library)] internal static partial long pt_generator_new_seed(nint generator);
    [LibraryImport(Library)] internal static partial nint pt_generator_get_state(nint generator);
    [LibraryImport(Library)] internal static partial int pt_generator_set_state(nint generator, nint state);
    [LibraryImport(Library)] internal static partial int pt_generator_device(nint generator, int* index);
    [LibraryImport(Library)] internal static partial int pt_manual_seed(long seed);

    [LibraryImport(Library)] internal static partial int pt_get_threads();
    [LibraryImport(Library)] internal static partial int pt_set_threads(int count);
    [LibraryImport(Library)] internal static partial int pt_get_interop_threads();
    [LibraryImport(Library)] internal static partial int pt_set_interop_threads(int count);
    [LibraryImport(Library)] internal static partial int pt_cuda_count();
    [LibraryImport(Library)] internal static partial int pt_cuda_built();
    [LibraryImport(Library)] internal static partial int pt_cudnn_available();
    [LibraryImport(Library)] internal static partial int pt_cuda_synchronize(long device);
    [LibraryImport(Library)] internal static partial int pt_get_tf32(int cudnn);
    [LibraryImport(Library)] internal static partial int pt_set_tf32(int cudnn, int on);
    [LibraryImport(Library)] internal static partial int pt_get_deterministic();
    [LibraryImport(Library)] internal static partial int pt_set_deterministic(int on, int warnOnly);

    [LibraryImport(Library)] internal static partial int pt_profile_start();
    [LibraryImport(Library)] internal static partial int pt_profile_stop();
    [LibraryImport(Library)] internal static partial nint pt_profile_read(int index, long* numbers);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial int pt_save(nint tensor, string path);
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial nint pt_load(string path);
}
