using System.CommandLine;
using System.Reflection;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PreTrain.Cli.Hosting;
using TorchSharp;
using Arm = System.Runtime.Intrinsics.Arm;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain info</c>: what the tool runs on.</summary>
internal static class InfoCommand
{
    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add) =>
        add(root, new Command("info", "Shows the version, libtorch, devices and threads."), (_, session) => Run(session));

    private static void Run(Session session)
    {
        torch.Device device = session.Start();
        bool cuda = torch.cuda.is_available();
        string[] simd = [.. InstructionSets()];
        session.Result(json =>
        {
            json.WriteString("version", Version);
            json.WriteString("provider", Provider);
            json.WriteString("libtorch", torch.__version__);
            json.WriteString("device", device.type.ToString().ToLowerInvariant());
            json.WriteBoolean("cuda", cuda);
            json.WriteNumber("threads", session.Threads);
            json.WriteStartArray("simd");
            foreach (string set in simd) json.WriteStringValue(set);
            json.WriteEndArray();
        }, text =>
        {
            text.WriteLine($"version    {Version}");
            text.WriteLine($"provider   {Provider}");
            text.WriteLine($"libtorch   {torch.__version__}");
            text.WriteLine($"device     {device.type.ToString().ToLowerInvariant()}");
            text.WriteLine($"cuda       {(cuda ? $"{torch.cuda.device_count()} device(s)" : "none")}");
            text.WriteLine($"threads    {session.Threads}");
            text.WriteLine($"simd       {string.Join(' ', simd)}");
        });
    }

    private static string Version { get; } =
        typeof(InfoCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";

    /// <summary>Who implements the torch API, as the build wrote it down.</summary>
    private static string Provider { get; } =
        typeof(InfoCommand).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().FirstOrDefault(data => data.Key == "TorchProvider")?.Value ?? "unknown";

    /// <summary>The instruction sets that matter here, the widest first.</summary>
    private static IEnumerable<string> InstructionSets()
    {
        if (X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7)
        {
            // Matrix units: libtorch uses them, .NET does not.
            int features = X86Base.CpuId(7, 0).Edx;
            if ((features >> 22 & 1) != 0) yield return "amx-bf16";
            if ((features >> 25 & 1) != 0) yield return "amx-int8";
            if ((X86Base.CpuId(7, 1).Eax >> 5 & 1) != 0) yield return "avx512-bf16";
        }
        if (Vector512.IsHardwareAccelerated) yield return "vector512";
        if (Avx512F.IsSupported) yield return "avx512f";
        if (Avx2.IsSupported) yield return "avx2";
        if (Fma.IsSupported) yield return "fma";
        if (Arm.AdvSimd.IsSupported) yield return "advsimd";
        if (Arm.Dp.IsSupported) yield return "dot";
    }
}
