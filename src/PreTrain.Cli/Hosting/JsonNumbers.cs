using System.Text.Json;

namespace PreTrain.Cli.Hosting;

/// <summary>JSON has no infinity and no NaN: they become null.</summary>
internal static class JsonNumbers
{
    public static void WriteFinite(this Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number && double.IsFinite(number))
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }
}
