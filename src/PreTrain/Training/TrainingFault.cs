using System.Globalization;
using System.Text.Json.Nodes;

namespace PreTrain.Training;

/// <summary>A step whose loss or gradient could not be trusted.</summary>
public sealed record TrainingFault
{
    /// <summary>The step that was tried, from 1.</summary>
    public required int Step { get; init; }

    /// <summary>What was wrong: <c>loss</c> or <c>gradient norm</c>.</summary>
    public required string Quantity { get; init; }

    /// <summary>Its value.</summary>
    public required double Value { get; init; }

    /// <summary>What a value had to be below not to be a spike; null where it was not finite.</summary>
    public double? Limit { get; init; }

    /// <summary>What was done.</summary>
    public required FaultPolicy Action { get; init; }

    /// <summary>Faults without progress, this one included.</summary>
    public required int InARow { get; init; }

    /// <summary>The step of the checkpoint that was gone back to; null where none was.</summary>
    public int? ReturnedTo { get; init; }

    /// <summary>Where the data stood before the batches of the fault.</summary>
    public required JsonObject Position { get; init; }

    /// <summary>The full path of the file with the batches; null if it could not be written.</summary>
    public string? Dump { get; init; }

    /// <summary>What was wrong as a sentence: "The loss of step 7 is NaN."</summary>
    public string Message => Limit is { } limit
        ? string.Create(CultureInfo.InvariantCulture, $"The {Quantity} of step {Step} is {Value:G6}, and by the last steps it should be below {limit:G6}.")
        : string.Create(CultureInfo.InvariantCulture, $"The {Quantity} of step {Step} is {Value}.");

    internal JsonObject ToJson()
    {
        var json = new JsonObject { ["step"] = Step, ["quantity"] = Quantity, ["value"] = double.IsFinite(Value) ? Value : Value.ToString(CultureInfo.InvariantCulture) };
        if (Limit is { } limit) json["limit"] = limit;
        json["action"] = Action.ToString();
        json["inARow"] = InARow;
        if (ReturnedTo is { } step) json["returnedTo"] = step;
        json["position"] = Position.DeepClone();
        if (Dump is not null) json["dump"] = Path.GetFileName(Dump);
        return json;
    }

    /// <param name="json">From <see cref="ToJson"/>.</param>
    /// <param name="folder">The run's folder, where the dumps are.</param>
    internal static TrainingFault FromJson(JsonObject json, string folder) => new()
    {
        Step = json["step"]!.GetValue<int>(),
        Quantity = json["quantity"]!.GetValue<string>(),
        Value = json["value"] is JsonValue value && value.TryGetValue(out double number) ? number : double.Parse(json["value"]!.GetValue<string>(), CultureInfo.InvariantCulture),
        Limit = json["limit"]?.GetValue<double>(),
        Action = Enum.Parse<FaultPolicy>(json["action"]!.GetValue<string>()),
        InARow = json["inARow"]!.GetValue<int>(),
        ReturnedTo = json["returnedTo"]?.GetValue<int>(),
        Position = json["position"]!.DeepClone().AsObject(),
        Dump = json["dump"]?.GetValue<string>() is { } name ? Path.Combine(folder, name) : null,
    };
}
