using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PreTrain.Checkpoints;

namespace PreTrain.Compression;

/// <summary>Where the stages of a recipe lie: <c>0-original</c> with measures alone, <c>1-prune</c> and so on with a model each, and beside them what they were made from.</summary>
/// <param name="output">The full path of the folder.</param>
internal sealed partial class StageFolder(string output)
{
    private const string DescriptionFile = "compression.json", MeasuresFile = CheckpointConverter.MeasuresFile, InterruptedFile = "interrupted.json", TokensName = "tokens", SecondsKey = "seconds", TimedKey = "timed";
    private static readonly JsonSerializerOptions s_written = new() { WriteIndented = true };

    /// <summary>Requires the folder to be free, or to hold stages; beside them may be tokens.</summary>
    /// <param name="modelFolder">The model that stages are made from.</param>
    /// <param name="overwrite">Whether other stages are to be deleted.</param>
    /// <exception cref="ArgumentException">It holds something else, or the model that would be deleted.</exception>
    internal void Check(string modelFolder, bool overwrite)
    {
        if (File.Exists(output)) throw new ArgumentException($"Output ('{output}') is a file; it must name a folder.");
        if (!File.Exists(Path.Combine(output, DescriptionFile)) && Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Select(entry => Path.GetFileName(entry)).Any(name => name != TokensName && !Leftover().IsMatch(name)))
            throw new ArgumentException($"The folder '{output}' is not empty and holds no stages of a recipe; choose another Output.");
        if (overwrite && Path.GetFullPath(modelFolder).StartsWith(Path.TrimEndingDirectorySeparator(output) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw new ArgumentException($"The model ('{modelFolder}') lies in Output ('{output}'), and Overwrite would delete it; choose another Output.");
    }

    /// <summary>Requires the folder to be free, or to hold stages that were made from the same. Of another recipe those stay that come before the first stage that differs.</summary>
    /// <param name="description">What they are made from.</param>
    /// <param name="recipe">The same recipe.</param>
    /// <param name="modelFolder">The model that they are made from.</param>
    /// <param name="overwrite">Whether others are deleted.</param>
    /// <exception cref="ArgumentException">It holds something else, or the model that would be deleted.</exception>
    internal void Prepare(JsonObject description, CompressionRecipe recipe, string modelFolder, bool overwrite)
    {
        string file = Path.Combine(output, DescriptionFile);
        Check(modelFolder, overwrite);
        if (File.Exists(file))
        {
            JsonObject? there = Stored(file, overwrite);
            int first = FirstOther(there, description, recipe);
            // Those behind go first, so that what is left when it is cut off can be gone on with.
            string[] others = [.. Directory.GetDirectories(output).Where(folder => StageName().IsMatch(Path.GetFileName(folder))).Where(folder => NumberOf(folder) >= first).OrderByDescending(NumberOf)];
            if (others.Length > 0 && !overwrite)
                throw new ArgumentException($"The folder '{output}' holds the stages of something else: {string.Join(", ", Training.CheckpointState.Differences(there!, description, "there"))}. Choose another Output, or set Overwrite to delete them.");
            foreach (string stage in others)
            {
                File.Delete(Path.Combine(stage, MeasuresFile));   // what is half deleted is not finished
                Directory.Delete(stage, recursive: true);
            }
        }
        Directory.CreateDirectory(output);
        AtomicFolder.Recover(output);
        AtomicFile.WriteAllText(file, description.ToJsonString(s_written) + "\n");
    }

    /// <summary>The folder of a stage.</summary>
    internal string Of(int number, string name) => Path.Combine(output, string.Create(CultureInfo.InvariantCulture, $"{number}-{name}"));

    /// <summary>The model within a stage's folder; a training keeps it beside its checkpoints.</summary>
    internal static string ModelOf(string stage) => File.Exists(Path.Combine(stage, "config.json")) ? stage : Path.Combine(stage, "model");

    /// <summary>The measures of a stage that is finished; null if it is not.</summary>
    internal static CompressionStep? Finished(string stage, string modelFolder)
    {
        string file = Path.Combine(stage, MeasuresFile);
        return File.Exists(file) ? CompressionStep.Of(Read(file), modelFolder) : null;
    }

    /// <summary>Keeps the measures, with which the stage is finished.</summary>
    internal static void Finish(string stage, CompressionStep step)
    {
        Directory.CreateDirectory(stage);
        JsonObject json = step.ToJson();
        json[TimedKey] = Circumstances();
        AtomicFile.WriteAllText(Path.Combine(stage, MeasuresFile), json.ToJsonString(s_written) + "\n");
        File.Delete(Path.Combine(stage, InterruptedFile));
    }

    /// <summary>Whether a stage that is finished was timed with as many threads, on such a processor.</summary>
    internal static bool IsTimedAsNow(string stage) => JsonNode.DeepEquals(Read(Path.Combine(stage, MeasuresFile))[TimedKey], Circumstances());

    /// <summary>Keeps how long a stage took that goes on in another call; only a training does, which has checkpoints.</summary>
    internal static void Interrupt(string stage, double seconds)
    {
        if (!Directory.Exists(Path.Combine(stage, Training.RunFolder.CheckpointsName))) return;
        AtomicFile.WriteAllText(Path.Combine(stage, InterruptedFile), new JsonObject { [SecondsKey] = SecondsBefore(stage) + seconds }.ToJsonString() + "\n");
    }

    /// <summary>How long a stage took in calls that were interrupted.</summary>
    internal static double SecondsBefore(string stage)
    {
        string file = Path.Combine(stage, InterruptedFile);
        return File.Exists(file) ? (double?)Read(file)[SecondsKey] ?? 0 : 0;
    }

    /// <summary>What the time that a model takes depends on beside the model.</summary>
    private static JsonObject Circumstances() => new() { ["threads"] = TorchSharp.torch.get_num_threads(), ["processors"] = Environment.ProcessorCount, ["processor"] = Torch.Cpu.Processor.Name };

    /// <summary>The number of the first stage that was made from something else: 0 where all were, including the measures of the model itself.</summary>
    private static int FirstOther(JsonObject? there, JsonObject now, CompressionRecipe recipe)
    {
        if (there is null || Training.CheckpointState.Differences(Base(there), Base(now)).Count > 0) return 0;
        JsonObject[] former = StagesOf(there), stages = StagesOf(now);
        int same = former.Zip(stages).TakeWhile(pair => Training.CheckpointState.Differences(pair.First, pair.Second).Count == 0).Count();
        // More or fewer rows matter to the first stage that reads them, and through it to those behind.
        if (!JsonNode.DeepEquals(there["recipe"]?["samples"], now["recipe"]?["samples"])) same = Math.Min(same, recipe.Stages.TakeWhile(stage => !stage.ReadsRows).Count());
        return same + 1;

        static JsonObject[] StagesOf(JsonObject description) => description["recipe"]?["stages"] is JsonArray stages ? [.. stages.OfType<JsonObject>()] : [];

        // What the measures of the model itself depend on. It is timed with a batch, or with all rows if those are fewer.
        static JsonObject Base(JsonObject description)
        {
            var rest = (JsonObject)description.DeepClone();
            if (rest["recipe"] is not JsonObject own) return rest;
            own.Remove("stages");
            if (own["samples"] is JsonValue samples && own["batch"] is JsonValue batch && samples.TryGetValue(out int rows) && batch.TryGetValue(out int size)) own["samples"] = Math.Min(rows, size);
            return rest;
        }
    }

    private static int NumberOf(string stage) => int.Parse(Path.GetFileName(stage).Split('-')[0], CultureInfo.InvariantCulture);

    /// <summary>What a writer that was killed has left of the tokens or of the description.</summary>
    [GeneratedRegex(@"^\.(tokens|compression\.json)\.(partial|partial\.lock|replaced)$", RegexOptions.CultureInvariant)]
    private static partial Regex Leftover();

    [GeneratedRegex("^[0-9]+-(original|prune|distill|quantize)$", RegexOptions.CultureInvariant)]
    private static partial Regex StageName();

    /// <summary>What the stages were made from; null if it is damaged and they are to be deleted anyway.</summary>
    private static JsonObject? Stored(string file, bool overwrite)
    {
        try
        {
            return Read(file);
        }
        catch (CheckpointException) when (overwrite)
        {
            return null;
        }
    }

    private static JsonObject Read(string file)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(file)) as JsonObject ?? throw new JsonException("it is not an object.");
        }
        catch (JsonException e)
        {
            throw new CheckpointException(file, $"it is damaged ({e.Message}); delete the folder it lies in.", e);
        }
    }
}
