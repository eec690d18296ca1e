using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Export;

/// <summary>ONNX Runtime in a Python process; the environment variable <c>PRETRAIN_ONNX_PYTHON</c> names a Python that has it and the package onnx.</summary>
internal static class OnnxRuntimeProcess
{
    private const string Variable = "PRETRAIN_ONNX_PYTHON";

    /// <summary>Whether there is an ONNX Runtime.</summary>
    public static bool IsThere => Environment.GetEnvironmentVariable(Variable) is not null;

    /// <summary>Skips the test where there is no ONNX Runtime.</summary>
    public static string Python()
    {
        string? python = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(python is null, $"ONNX Runtime is not tried: {Variable} does not name a Python with onnxruntime and onnx.");
        return python!;
    }

    /// <summary>Checks a file, and runs it once for each set of inputs.</summary>
    public static List<Dictionary<string, Tensor>> Run(string model, params IReadOnlyDictionary<string, Tensor>[] calls)
    {
        string folder = Path.GetDirectoryName(model)!, script = Path.Combine(folder, "run_onnx.py"), inputs = Path.Combine(folder, "inputs.json"), outputs = Path.Combine(folder, "outputs.json");
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Export", "fixtures", "run_onnx.py"), script, overwrite: true);
        File.WriteAllText(inputs, new JsonArray([.. calls.Select(call => new JsonObject(call.Select(input => KeyValuePair.Create(input.Key, (JsonNode?)Node(input.Value)))))]).ToJsonString());
        using Process process = Process.Start(new ProcessStartInfo(Python(), [script, model, inputs, outputs]) { RedirectStandardError = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error);
        return [.. JsonDocument.Parse(File.ReadAllBytes(outputs)).RootElement.EnumerateArray().Select(call => call.EnumerateObject().ToDictionary(output => output.Name, output => Read(output.Value)))];
    }

    private static JsonObject Node(Tensor value) => value.dtype == ScalarType.Int64
        ? new JsonObject { ["type"] = "int64", ["shape"] = Shape(value), ["values"] = new JsonArray([.. value.data<long>().ToArray().Select(number => JsonValue.Create(number))]) }
        : new JsonObject { ["type"] = "float32", ["shape"] = Shape(value), ["values"] = new JsonArray([.. value.contiguous().data<float>().ToArray().Select(number => JsonValue.Create(number))]) };

    private static JsonArray Shape(Tensor value) => [.. value.shape.Select(length => JsonValue.Create(length))];

    private static Tensor Read(JsonElement value) =>
        tensor(value.GetProperty("values").EnumerateArray().Select(number => number.GetSingle()).ToArray(), [.. value.GetProperty("shape").EnumerateArray().Select(length => length.GetInt64())]);
}
