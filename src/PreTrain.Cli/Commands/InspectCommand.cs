using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain inspect</c>: what the files of a model hold, without loading it.</summary>
internal static class InspectCommand
{
    /// <summary>Bytes of a parameter in each precision.</summary>
    private static readonly (string Name, int Bytes)[] s_precisions = [("float32", 4), ("bfloat16", 2), ("float16", 2), ("int8", 1)];

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var model = new Argument<string>("MODEL") { Description = "A folder with weights, the output of a run, or one file of weights (.safetensors, .gguf, .bin, .pt, .pth, .index.json)." };
        add(root, new Command("inspect", "Shows a model's family, parameters, memory and tensors.") { model }, (parsed, session) => Run(session, parsed.GetRequiredValue(model)));
    }

    private static void Run(Session session, string path)
    {
        path = ModelFolder.ResolveWeights(path);
        (string? family, string[] architectures) = ReadConfig(path);
        using CheckpointTensors checkpoint = CheckpointTensors.Open(path);
        if (checkpoint.Format == CheckpointFormat.Gguf) (family, architectures) = (checkpoint.Metadata.GetValueOrDefault("general.architecture"), []);
        TensorInfo[] tensors = [.. checkpoint.Names.Select(checkpoint.Info)];
        TensorInfo[] own = [.. tensors.Where(tensor => tensor.SharedWith is null)];
        // Whole numbers and booleans are positions and masks, which are not trained.
        long parameters = own.Where(tensor => IsFloat(tensor.DataType)).Sum(tensor => tensor.ElementCount), bytes = own.Sum(tensor => tensor.ByteCount);
        session.Result(json =>
        {
            json.WriteString("path", path);
            json.WriteString("format", Word(checkpoint.Format));
            json.WriteString("modelType", family);
            json.WriteStartArray("architectures");
            foreach (string architecture in architectures) json.WriteStringValue(architecture);
            json.WriteEndArray();
            json.WriteStartArray("files");
            foreach (string file in checkpoint.Files)
            {
                json.WriteStartObject();
                json.WriteString("name", Path.GetFileName(file));
                json.WriteNumber("bytes", new FileInfo(file).Length);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteNumber("tensorCount", tensors.Length);
            json.WriteNumber("parameters", parameters);
            json.WriteNumber("bytes", bytes);
            json.WriteStartObject("memory");
            foreach (var (name, width) in s_precisions) json.WriteNumber(name, parameters * width);
            json.WriteEndObject();
            if (checkpoint.Format == CheckpointFormat.Gguf)
            {
                json.WriteStartObject("metadata");
                foreach (var (key, value) in checkpoint.Metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }
            json.WriteStartArray("tensors");
            foreach (TensorInfo tensor in tensors) Write(json, tensor);
            json.WriteEndArray();
        }, text =>
        {
            text.WriteLine($"family      {family ?? "unknown (no config.json)"}{(architectures.Length > 0 ? $" ({string.Join(", ", architectures)})" : "")}");
            text.WriteLine($"format      {Word(checkpoint.Format)}, {(checkpoint.Files.Count == 1 ? "1 file" : $"{checkpoint.Files.Count} files")}");
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"parameters  {parameters:N0} in {tensors.Length} tensors, {Size(bytes)} as stored"));
            text.WriteLine($"memory      {string.Join("   ", s_precisions.Select(precision => $"{precision.Name} {Size(parameters * precision.Bytes)}"))}");
            if (checkpoint.Format == CheckpointFormat.Gguf)
            {
                text.WriteLine();
                foreach (var (key, value) in checkpoint.Metadata) text.WriteLine($"{key} = {string.Concat(value.Select(c => char.IsControl(c) ? '?' : c))}");
            }
            text.WriteLine();
            WriteTable(text, tensors);
        });
    }

    private static void Write(Utf8JsonWriter json, TensorInfo tensor)
    {
        json.WriteStartObject();
        json.WriteString("name", tensor.Name);
        json.WriteString("dtype", tensor.StoredType);
        json.WriteStartArray("shape");
        foreach (long length in tensor.Shape) json.WriteNumberValue(length);
        json.WriteEndArray();
        json.WriteNumber("elements", tensor.ElementCount);
        json.WriteNumber("bytes", tensor.ByteCount);
        json.WriteString("file", Path.GetFileName(tensor.File));
        json.WriteString("sharedWith", tensor.SharedWith);
        json.WriteEndObject();
    }

    private static void WriteTable(TextWriter text, TensorInfo[] tensors)
    {
        string[][] rows = [["tensor", "type", "shape", "elements", "bytes"], .. tensors.Select(tensor => new[]
        {
            // A name may hold anything; a line of the table must stay one.
            string.Concat(tensor.Name.Select(c => char.IsControl(c) ? '?' : c)) + (tensor.SharedWith is null ? "" : $" (= {tensor.SharedWith})"),
            tensor.StoredType,
            tensor.Shape.Count == 0 ? "()" : string.Join(" × ", tensor.Shape),
            tensor.ElementCount.ToString("N0", CultureInfo.InvariantCulture),
            tensor.ByteCount.ToString("N0", CultureInfo.InvariantCulture),
        })];
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        foreach (string[] row in rows)
            text.WriteLine($"{row[0].PadRight(widths[0])}  {row[1].PadRight(widths[1])}  {row[2].PadRight(widths[2])}  {row[3].PadLeft(widths[3])}  {row[4].PadLeft(widths[4])}");
    }

    /// <summary>The family and the classes that config.json names, if there is one.</summary>
    private static (string? Family, string[] Architectures) ReadConfig(string path)
    {
        string file = Path.Combine(Directory.Exists(path) ? path : Path.GetDirectoryName(path) ?? "", "config.json");
        if (!File.Exists(file)) return (null, []);
        try
        {
            using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(file));
            if (config.RootElement.ValueKind != JsonValueKind.Object) throw new CheckpointException(file, "its top level is not an object.");
            string? family = config.RootElement.TryGetProperty("model_type", out JsonElement type) && type.ValueKind == JsonValueKind.String ? type.GetString() : null;
            string[] architectures = config.RootElement.TryGetProperty("architectures", out JsonElement classes) && classes.ValueKind == JsonValueKind.Array
                ? [.. classes.EnumerateArray().Where(name => name.ValueKind == JsonValueKind.String).Select(name => name.GetString()!)] : [];
            return (family, architectures);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new CheckpointException(file, $"it is not valid JSON: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(file, $"the file cannot be read: {e.Message}", e);
        }
    }

    private static bool IsFloat(torch.ScalarType type) => type is torch.ScalarType.Float64 or torch.ScalarType.Float32 or torch.ScalarType.BFloat16 or torch.ScalarType.Float16;

    private static string Word(CheckpointFormat format) => format switch
    {
        CheckpointFormat.Safetensors => "safetensors",
        CheckpointFormat.Gguf => "gguf",
        _ => "bin",
    };

    private static string Size(long bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        double size = bytes;
        int unit = 0;
        for (; size >= 1024 && unit < units.Length - 1; unit++) size /= 1024;
        return string.Create(CultureInfo.InvariantCulture, $"{(unit == 0 ? size.ToString("F0", CultureInfo.InvariantCulture) : size.ToString("F1", CultureInfo.InvariantCulture))} {units[unit]}");
    }
}
