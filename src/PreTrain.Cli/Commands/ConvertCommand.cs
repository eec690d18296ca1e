using System.CommandLine;
using System.Globalization;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain convert</c>: between PyTorch's files and safetensors, between precisions, and into shards.</summary>
internal static class ConvertCommand
{
    private static readonly (string Unit, double Bytes)[] s_units =
        [("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1)];

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        Option<string?> model = Options.Text("--model", "PATH", "A folder with weights, the output of a run, or one file of weights (.safetensors, .gguf, .bin, .pt, .pth, .index.json).", required: true);
        Option<string?> output = Options.Text("--output", "PATH", "The folder to write, or one file that ends in .safetensors, .bin, .pt or .pth.", required: true);
        Option<CheckpointFormat?> format = Options.Choice("--format", "How a folder stores the weights. The default is safetensors.",
            ("safetensors", CheckpointFormat.Safetensors), ("bin", CheckpointFormat.PyTorch));
        Option<ScalarType?> precision = Options.Choice("--precision", "The type of all floating-point weights, but not of the scales of quantized ones. The default is that which each has.",
            ("fp32", ScalarType.Float32), ("bf16", ScalarType.BFloat16), ("fp16", ScalarType.Float16));
        Option<long?> shardSize = new("--shard-size")
        {
            Description = "The most that one file of a folder holds, as in 500MB or 5GB. The default is 5GB.",
            HelpName = "SIZE",
            CustomParser = result =>
            {
                string text = result.Tokens[^1].Value;
                if (ParseSize(text) is { } size) return size;
                result.AddError($"--shard-size ({text}) must be a number of bytes from 1, alone or with {Options.Join([.. s_units.Select(u => u.Unit)])}, as in 500MB.");
                return null;
            },
        };
        Option<bool> overwrite = ExportCommand.OverwriteOption();
        var command = new Command("convert", "Converts weights: between PyTorch's files and safetensors, to another precision, into one file or shards.") { model, output, format, precision, shardSize, overwrite };
        add(root, command, (parsed, session) => Run(session, parsed.GetRequiredValue(model)!, parsed.GetRequiredValue(output)!, parsed.GetValue(format), parsed.GetValue(shardSize), parsed.GetValue(overwrite), new CheckpointConverterOptions
        {
            Format = parsed.GetValue(format) ?? CheckpointFormat.Safetensors,
            DataType = parsed.GetValue(precision),
            MaxShardBytes = parsed.GetValue(shardSize) ?? new CheckpointConverterOptions().MaxShardBytes,
        }));
    }

    /// <summary>A number of bytes, with a unit or without; null if it is none.</summary>
    internal static long? ParseSize(string text)
    {
        (string unit, double bytes) = s_units.FirstOrDefault(u => text.EndsWith(u.Unit, StringComparison.OrdinalIgnoreCase), ("", 1));
        return double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            && number * bytes is >= 1 and < 9e18 ? (long)(number * bytes) : null;
    }

    private static void Run(Session session, string source, string target, CheckpointFormat? format, long? shardSize, bool overwrites, CheckpointConverterOptions options)
    {
        session.Start();
        CheckpointFormat? named = Directory.Exists(target) ? null : ByExtension(target);
        if (format is { } wanted && named is not null && named != wanted)
            throw new UsageException($"--format {(wanted == CheckpointFormat.PyTorch ? "bin" : "safetensors")} contradicts the name of the file in --output ({target}).");
        if (shardSize is not null && named is not null) throw new UsageException($"--shard-size goes with a folder, and --output ({target}) is one file.");
        string weights = ModelFolder.ResolveWeights(source);
        IReadOnlyList<string> files = [target];
        if (named is not null)
        {
            ExportCommand.Prepare(target, overwrites);
            CheckpointConverter.Convert(weights, target, options, session.Cancellation);
        }
        else
        {
            PruneCommand.RequireOutput(weights, target, overwrites);
            AtomicFolder.Write(target, beside => files = [.. CheckpointConverter.Convert(weights, beside, options, session.Cancellation).Select(file => Path.Combine(target, Path.GetFileName(file)))]);
        }
        using CheckpointTensors written = CheckpointTensors.Open(files[^1]);
        long bytes = written.Names.Sum(name => written.Info(name).ByteCount), elements = written.Names.Sum(name => written.Info(name).ElementCount);
        session.Result(json =>
        {
            json.WriteString("output", target);
            json.WriteStartArray("files");
            foreach (string file in files) json.WriteStringValue(file);
            json.WriteEndArray();
            json.WriteNumber("tensors", written.Names.Count);
            json.WriteNumber("elements", elements);
            json.WriteNumber("bytes", bytes);
        }, text =>
        {
            foreach (string file in files) text.WriteLine(file);
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(written.Names.Count == 1 ? "1 tensor" : $"{written.Names.Count} tensors")}, {elements:N0} elements, {bytes:N0} bytes"));
        });
    }

    private static CheckpointFormat? ByExtension(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".safetensors" => CheckpointFormat.Safetensors,
        ".bin" or ".pt" or ".pth" => CheckpointFormat.PyTorch,
        _ => null,
    };
}
