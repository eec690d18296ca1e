using System.Text.Json;
using PreTrain.Data;
using PreTrain.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary>A JSON file with what a model takes: an object whose members are nested lists of numbers, under the names that transformers gives them.</summary>
internal sealed class ModelInputFile
{
    private readonly string _path;
    private readonly Device _device;

    private ModelInputFile(string path, Device device) => (_path, _device) = (path, device);

    /// <summary>Reads a file.</summary>
    /// <exception cref="CorpusException">It is missing, is no such file, or a list is not as it has to be; the message names the place.</exception>
    public static ModelInput Read(string path, Device device)
    {
        var file = new ModelInputFile(path, device);
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { AllowDuplicateProperties = false });
            return file.Read(json.RootElement);
        }
        catch (JsonException fault)
        {
            throw new CorpusException($"The file '{path}' is not valid JSON: {fault.Message}", path, fault);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"The file '{path}' cannot be read: {fault.Message}", path, fault);
        }
    }

    private ModelInput Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object) throw Fault("its top level is not an object");
        var input = new ModelInput();
        foreach (JsonProperty member in root.EnumerateObject())
        {
            string name = member.Name;
            input = name switch
            {
                "input_ids" => input with { Ids = Whole(member) },
                "attention_mask" => input with { AttentionMask = Whole(member) },
                "token_type_ids" => input with { TokenTypeIds = Whole(member) },
                "decoder_input_ids" => input with { DecoderIds = Whole(member) },
                "decoder_attention_mask" => input with { DecoderAttentionMask = Whole(member) },
                "pixel_values" => input with { PixelValues = Numbers(member) },
                _ => throw Fault($"the member '{name}' is not known; known are input_ids, attention_mask, token_type_ids, decoder_input_ids, decoder_attention_mask and pixel_values"),
            };
        }
        return input.Ids is null && input.PixelValues is null ? throw Fault("it holds neither input_ids nor pixel_values") : input;
    }

    private Tensor Whole(JsonProperty member)
    {
        var (values, shape) = Flatten<long>(member, 2, element => element.TryGetInt64(out long value) ? value : null, "a whole number");
        return tensor(values, shape, device: _device);
    }

    private Tensor Numbers(JsonProperty member)
    {
        var (values, shape) = Flatten<float>(member, 4, element => element.TryGetSingle(out float value) && float.IsFinite(value) ? value : null, "a number");
        return tensor(values, shape, device: _device);
    }

    /// <summary>The numbers of nested lists, all of one depth and equally long.</summary>
    private (T[] Values, long[] Shape) Flatten<T>(JsonProperty member, int depth, Func<JsonElement, T?> read, string wanted) where T : struct
    {
        long[] shape = new long[depth];
        JsonElement at = member.Value;
        for (int axis = 0; axis < depth; axis++)
        {
            if (at.ValueKind != JsonValueKind.Array) throw Fault($"{member.Name} must be lists nested {depth} deep, but it is nested {axis} deep");
            shape[axis] = at.GetArrayLength();
            if (shape[axis] == 0) throw Fault($"{member.Name} holds an empty list");
            at = at[0];
        }
        var values = new List<T>();
        Add(member.Value, 0, member.Name);
        return ([.. values], shape);

        void Add(JsonElement element, int axis, string place)
        {
            if (axis == depth)
            {
                values.Add((element.ValueKind == JsonValueKind.Number ? read(element) : null) ?? throw Fault($"{place} is {Shown(element)}, which is not {wanted}"));
                return;
            }
            if (element.ValueKind != JsonValueKind.Array) throw Fault($"{place} is {Shown(element)}, which is not a list");
            if (element.GetArrayLength() != shape[axis])
                throw Fault($"{place} has {element.GetArrayLength()} entries where the first of its siblings has {shape[axis]}; fill short rows up and say so in attention_mask");
            int i = 0;
            foreach (JsonElement child in element.EnumerateArray()) Add(child, axis + 1, $"{place}[{i++}]");
        }
    }

    private static string Shown(JsonElement element) => element.GetRawText() is { Length: <= 40 } text ? text : element.GetRawText()[..40] + "…";

    private CorpusException Fault(string fault) => new($"The file '{_path}' is no input of a model: {fault}.", _path);
}
